"""Long memory: can a recurrence still use an input of T steps before?

    python -m experiments.long_memory                     a GRU on the adding problem, T = 100
    python -m experiments.long_memory --task copy --length 50 --cell lstm
    python -m experiments.long_memory compare RUN         all runs of this problem: solved or not
    python -m experiments.long_memory flow RUN            gradients through time
    python -m experiments.long_memory speed RUN           milliseconds per gradient against T

A problem counts as solved below a tenth of the error of an answer that remembers nothing. Cells are
those of seqmodels.cells.registry, and relu, the simple network with max(0, x) instead of tanh.
--clip-norm 1e9 trains without gradient clipping.
"""

from dataclasses import dataclass
from typing import Any, Literal

from experiments.long_memory.commands import compare, flow, speed
from experiments.long_memory.recipes import RECIPES
from seqmodels.cli import Baseline, Data, FitConfig, Metric, OptimizerConfig, Run, define_experiment
from seqmodels.errors import UserError
from seqmodels.train.config import check_at_least_one


@dataclass(frozen=True)
class Config:
    """Answer at the end of a sequence a question about its beginning."""

    task: Literal["adding", "copy", "temporal_order", "sentences", "parity"] = "adding"
    """Problem: sum of two numbers, copy, order of two symbols, language of a country, parity."""

    length: int = 100
    """T, the number of steps to remember."""

    cell: str = "gru"
    """Cell: relu, or a name in seqmodels.cells.registry.CELLS: rnn, irnn, lstm, gru, lru, ..."""

    layers: int = 1
    """Recurrent layers."""

    hidden: int = 64
    """Units per layer."""

    encoder: int = 0
    """Rectified units between the input and the recurrence; 0 for none. Linear cells need them."""

    chrono: bool = False
    """Start with memories of up to T steps; for gru, lstm, min_gru, min_lstm and lru."""

    engine: str = "auto"
    """Engine of the recurrence: auto, scan, fused, associative, newton, native or mosaic."""

    training: FitConfig = FitConfig(
        steps=3000, evaluate_every=300, optimizer=OptimizerConfig(learning_rate=3e-3)
    )

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "layers", "hidden")
        if self.encoder < 0:
            raise UserError("--encoder must be 0 or more")


def load(config: Config, metadata: dict[str, Any] | None) -> Data:
    """Generate new sequences at every training step, and the same ones for each evaluation."""
    from experiments.long_memory.memory_problems import PROBLEMS, problem_batches

    problem, epoch, rows = PROBLEMS[config.task], 20, config.training.batch_size
    forgetful = problem.baseline(config.length)  # the expected error, on any split
    train, dev, test = (
        problem_batches(config.task, config.length, rows, epoch, key)
        for key in ((0, config.training.seed), (1,), (2,))
    )
    return Data(
        train=train,
        dev=dev,
        test=test,
        name=f"{config.task}, T = {config.length}",
        sizes={"train": config.training.steps * rows, "dev": epoch * rows, "test": epoch * rows},
        unit="sequences",
        metadata={},
        baselines=[Baseline(problem.baseline_name, forgetful, forgetful)],
    )


def model(config: Config, metadata: dict[str, Any], rates: dict[str, Any]):
    """Return recurrent layers, and the linear layer of model.py that reads their last outputs."""
    from experiments.long_memory.memory_cells import memory_cell
    from experiments.long_memory.memory_problems import PROBLEMS
    from experiments.long_memory.model import answer_model

    problem = PROBLEMS[config.task]
    inputs, span = config.encoder or problem.features, config.length if config.chrono else 0
    cell = memory_cell(config.cell, inputs, config.hidden, config.layers, span)
    encoder = (problem.features, config.encoder) if config.encoder else None
    return answer_model(cell, max(problem.classes, 1), encoder, config.engine)


def task(config: Config, metadata: dict[str, Any]):
    """Answer the problem."""
    from experiments.long_memory.model import answer_task

    return answer_task(model(config, metadata, {}))


def finish(run: Run) -> None:
    """Print whether the problem is solved."""
    from experiments.long_memory.outcomes import outcome, verdict

    error = outcome(run.directory, run.config).error
    print(f"{verdict(error):<12}{error:.4f} of the baseline's error (dev)")


EXPERIMENT = define_experiment(
    __name__,
    metric=Metric("error"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8, "length": 12, "batch_size": 8},
    recipes=RECIPES,
    commands=(compare, flow, speed),
    finish=finish,
)
