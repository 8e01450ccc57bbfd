"""Long memory: which recurrence still knows at the end what it saw T steps before?

    python -m experiments.long_memory                     a GRU on the adding problem, T = 100
    python -m experiments.long_memory --task copy --length 50 --cell lstm
    python -m experiments.long_memory compare RUN         all runs beside it: solved or not, by T
    python -m experiments.long_memory flow RUN            gradients through time, before and after
    python -m experiments.long_memory speed RUN           seconds a step against T, by engine

A problem counts as solved at a tenth of the error of an answer that remembers nothing.  Cells are
those of seqmodels.cells.CELLS, and relu: the simple network with max(0, x) for tanh.  For a network
without gradient clipping, give --clip-norm 1e9.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from seqmodels.cli import Baseline, Data, Experiment, FitConfig, Metric, Run
from seqmodels.commands.arguments import CompareArguments, FlowArguments, SpeedArguments
from seqmodels.errors import UserError


@dataclass(frozen=True)
class Config(FitConfig):
    """Answer at the end what only the beginning tells."""

    task: Literal["adding", "copy", "temporal_order", "sentences", "parity"] = "adding"
    """Problem: add two marked numbers, repeat ten symbols, tell the order of two, name the language
    of a country, count bits."""

    length: int = 100
    """T, steps to be remembered."""

    cell: str = "gru"
    """Recurrence: relu, or a name in seqmodels.cells.CELLS: rnn, irnn, lstm, gru, min_gru, lru."""

    layers: int = 1
    """Recurrent layers."""

    hidden: int = 64
    """Units of each layer."""

    encoder: int = 0
    """Rectified units between input and recurrence, which a linear one needs; 0: none."""

    chrono: bool = False
    """Begin with memories of up to T steps; for gru, lstm, min_gru, min_lstm and lru."""

    engine: str = "auto"
    """How the recurrence is run: auto, scan, fused, native, associative, newton or mosaic."""

    batch_size: int = 32
    """Sequences in a batch."""

    steps: int = 3000
    evaluate_every: int = 300
    learning_rate: float = 3e-3

    def check(self) -> None:
        """Say which number makes no sense."""
        super().check()
        for name in ("layers", "hidden", "batch_size"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name.replace('_', '-')} must be 1 or more")
        if self.encoder < 0:
            raise UserError("--encoder must be 0 or more")


def load(config: Config, extras: dict[str, Any] | None) -> Data:
    """Fresh sequences for every step of training; always the same ones for dev and test."""
    from experiments.long_memory.problems import PROBLEMS, problem_batches

    problem, epoch = PROBLEMS[config.task], 20
    train, dev, test = (
        problem_batches(config.task, config.length, config.batch_size, epoch, key)
        for key in ((0, config.seed), (1,), (2,))
    )
    count = epoch * config.batch_size
    return Data(
        train=train,
        dev=dev,
        test=test,
        name=f"{config.task}, T = {config.length}",
        sizes={"train": config.steps * config.batch_size, "dev": count, "test": count},
        unit="sequences",
        baseline=Baseline(problem.baseline(config.length), problem.forgetful),
        extras={},
    )


def recurrence(config: Config, inputs: int):
    """The cells, stacked."""
    from experiments.long_memory.memory_cells import memory_cell

    span = config.length if config.chrono else 0
    return memory_cell(config.cell, inputs, config.hidden, config.layers, span)


def model(config: Config):
    """A recurrence whose last outputs are read by one linear layer."""
    from experiments.long_memory.last_steps import last_steps
    from experiments.long_memory.problems import PROBLEMS

    problem = PROBLEMS[config.task]
    cell = recurrence(config, config.encoder or problem.features)
    encoder = (problem.features, config.encoder) if config.encoder else None
    return last_steps(cell, max(problem.classes, 1), encoder, config.engine)


def task(config: Config, extras: dict[str, Any]):
    """Answer as the problem asks."""
    from experiments.long_memory.last_steps import last_steps_task

    return last_steps_task(model(config))


def outcome(directory: Any, config: Config):
    """The best dev error that a run reached, beside that of remembering nothing."""
    from experiments.long_memory.problems import PROBLEMS
    from experiments.long_memory.solved import Outcome

    names = {"rnn": "tanh", "irnn": "identity"}
    name = names.get(config.cell, config.cell) + ", chrono" * config.chrono
    unclipped = ", not clipped" * (config.clip_norm >= 1e3)
    errors = [r["error"] for r in directory.records() if r["split"] == "dev"]
    share = min(errors, default=float("nan")) / PROBLEMS[config.task].baseline(config.length)
    return Outcome(name + unclipped, config.length, share)


def conclude(run: Run) -> None:
    """Say whether the problem is solved."""
    from experiments.long_memory.solved import verdict

    share = outcome(run.directory, run.config).share
    print(f"{verdict(share):<12}{share:.4f} of the error of remembering nothing (dev)")


def compare(run: Run, arguments: CompareArguments) -> None:
    """Draw solved or not against T for all runs (a sweep's best) beside this one, of its task."""
    from experiments.long_memory.solved import show_solved
    from seqmodels.train.runs.run_directory import RunDirectory

    runs, name = run.directory.path.parent, run.config.task
    configs = [
        p for best in ("", "best/") for p in runs.glob(f"{arguments.like}/{best}config.json")
    ]
    found = [RunDirectory(path.parent) for path in sorted(configs)]
    pairs = [(directory, directory.config(Config)) for directory in found]
    outcomes = [outcome(*pair) for pair in pairs if pair[1].task == name]
    title = f"{name}: error as a share of that of remembering nothing"
    show_solved(outcomes, title, runs / f"{name}.png")


def flow(run: Run, arguments: FlowArguments) -> None:
    """Draw the norms of dL/ds_t for the untrained and the trained recurrence."""
    import jax

    from seqmodels.diagnostics.dynamics.gradient_flow import gradient_flow, show_flow

    config = replace(run.config, batch_size=arguments.rows)
    xs = jax.numpy.asarray(load(config, None).dev(0).inputs)
    reader = model(config)
    cell = recurrence(config, reader.encode(run.params, xs).shape[-1])
    norms = jax.jit(lambda p: gradient_flow(cell, p["cell"], reader.encode(p, xs))["all"])
    untrained = run.task.init(jax.random.key(config.seed))
    curves = {"untrained": norms(untrained), "trained": norms(run.params)}
    title = f"{config.cell}, {config.task}, T = {config.length}"
    show_flow(curves, run.directory.path / "gradient_flow.png", title)


def speed(run: Run, arguments: SpeedArguments) -> None:
    """Print milliseconds of a gradient against T, by each engine that takes the cell."""
    from experiments.long_memory.timing import gradient_seconds, print_engine_times

    def seconds(engine: str, length: int) -> float:
        config = replace(run.config, engine=engine, length=length)
        return gradient_seconds(task(config, {}), run.params, {}, load(config, None).dev(0))

    print_engine_times(seconds, arguments.lengths)


EXPERIMENT = Experiment(
    name="long_memory",
    config=Config,
    data=load,
    task=task,
    metric=Metric("error"),
    about=__doc__ or "",
    finish=conclude,
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8, "length": 12, "batch_size": 8},
    commands={
        "compare": (CompareArguments, compare),
        "flow": (FlowArguments, flow),
        "speed": (SpeedArguments, speed),
    },
)
