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

from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from math import pi
from typing import Any, Literal

from seqmodels.cli import Baseline, Data, Experiment, FitConfig, Metric, Run, main
from seqmodels.errors import UserError

SOLVED = 0.1  # of the baseline's error


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
    """Rectified units between input and recurrence, which a linear one (lru) needs; 0: none."""

    engine: str = "auto"
    """How the recurrence is run: auto, scan, fused, associative, cudnn."""

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
    from seqmodels.data.long_memory import PROBLEMS, problem_batches

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
    from functools import partial

    import jax

    from seqmodels.cells import CELLS
    from seqmodels.wrap import stack

    cells = CELLS | {
        "relu": partial(CELLS["rnn"], activation=jax.nn.relu),
        # Slow and nearly undamped: without, a linear unit forgets within a few steps.
        "lru": partial(CELLS["lru"], r_min=0.9, r_max=0.999, max_phase=pi / 10),
    }
    if config.cell not in cells:
        raise UserError(f"--cell {config.cell} is unknown: choose from {', '.join(cells)}")
    sizes = [inputs] + [config.hidden] * config.layers
    return stack(*(cells[config.cell](*size) for size in pairwise(sizes)))


def model(config: Config):
    """A recurrence whose last outputs are read by one linear layer."""
    from seqmodels.data.long_memory import PROBLEMS
    from seqmodels.models.last_steps import last_steps

    problem = PROBLEMS[config.task]
    cell = recurrence(config, config.encoder or problem.features)
    encoder = (problem.features, config.encoder) if config.encoder else None
    return last_steps(cell, max(problem.classes, 1), encoder, config.engine)


def task(config: Config, extras: dict[str, Any]):
    """Answer as the problem asks."""
    from seqmodels.models.last_steps import last_steps_task

    return last_steps_task(model(config))


def conclude(run: Run) -> None:
    """Say whether the problem is solved."""
    share = share_of_baseline(run.directory, run.config)
    print(f"{verdict(share):<12}{share:.4f} of the error of remembering nothing (dev)")


def verdict(share: float) -> str:
    return "solved" if share <= SOLVED else "not solved"


def share_of_baseline(directory: Any, config: Config) -> float:
    """The best dev error that a run reached, as a share of the baseline's."""
    from seqmodels.data.long_memory import PROBLEMS

    errors = [r["error"] for r in directory.records() if r["split"] == "dev"]
    return min(errors, default=float("nan")) / PROBLEMS[config.task].baseline(config.length)


@dataclass(frozen=True)
class CompareArguments:
    """What to compare."""

    like: str = "*"
    """Names of the runs to compare, as a pattern."""


def compare(run: Run, arguments: CompareArguments) -> None:
    """Draw solved or not against T for all runs beside this one that have the same task."""
    from seqmodels.diagnostics.grid import draw_grid
    from seqmodels.train.run_directory import RunDirectory

    runs = run.directory.path.parent
    results: dict[tuple[str, int], float] = {}
    for path in sorted(runs.glob(f"{arguments.like}/config.json")):
        directory = RunDirectory(path.parent)
        config = directory.config(Config)
        if config.task != run.config.task:
            continue
        place = (label(config), config.length)
        share = share_of_baseline(directory, config)
        results[place] = min(share, results.get(place, share))
    for (name, length), share in sorted(results.items()):
        print(f"{name:<22} T = {length:<5} {verdict(share):<11} {share:.4f}")
    drawing = runs / f"{run.config.task}.png"
    title = f"{run.config.task}: error as a share of that of remembering nothing"
    draw_grid(results, drawing, title, "T", SOLVED)
    print(f"drawn in {drawing}")


def label(config: Config) -> str:
    """What a row of the comparison is called."""
    names = {"rnn": "tanh", "irnn": "identity"}
    unclipped = ", not clipped" if config.clip_norm >= 1e3 else ""
    return names.get(config.cell, config.cell) + unclipped


@dataclass(frozen=True)
class FlowArguments:
    """What to measure."""

    rows: int = 32
    """Sequences."""


def flow(run: Run, arguments: FlowArguments) -> None:
    """Draw the norms of dL/ds_t for the untrained and the trained recurrence."""
    import jax

    from seqmodels.diagnostics.gradient_flow import draw_flow, gradient_flow

    config = replace(run.config, batch_size=arguments.rows)
    xs = jax.numpy.asarray(load(config, None).dev(0).inputs)
    reader = model(config)
    cell = recurrence(config, reader.encode(run.params, xs).shape[-1])

    @jax.jit
    def norms(params):
        return gradient_flow(cell, params["cell"], reader.encode(params, xs))["all"]

    untrained = run.task.init(jax.random.key(config.seed))
    curves = {"untrained": norms(untrained), "trained": norms(run.params)}
    for name, curve in curves.items():
        print(f"{name:<10} of a gradient of 1 at T arrives at 0: {jax.numpy.median(curve[0]):.3g}")
    path = run.directory.path / "gradient_flow.png"
    draw_flow(curves, path, f"{config.cell}, {config.task}, T = {config.length}")
    print(f"drawn in {path}")


@dataclass(frozen=True)
class SpeedArguments:
    """What to time."""

    lengths: tuple[int, ...] = (100, 300, 1000, 3000)
    """Values of T."""


def speed(run: Run, arguments: SpeedArguments) -> None:
    """Print milliseconds of a gradient against T, by each engine that takes the cell."""
    from seqmodels.diagnostics.timing import gradient_seconds
    from seqmodels.engines import ENGINES

    def milliseconds(**changes: Any) -> str:
        config = replace(run.config, **changes)
        batch = load(config, None).dev(0)
        return f"{1000 * gradient_seconds(task(config, {}), run.params, run.hyper, batch):10.1f}"

    print("ms by engine " + "".join(f"{f'T={length}':>10}" for length in arguments.lengths))
    for engine in ENGINES:
        with suppress(UserError):  # of an engine that does not take this cell
            times = [milliseconds(engine=engine, length=length) for length in arguments.lengths]
            print(f"{engine:<13}" + "".join(times))


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

if __name__ == "__main__":
    main(EXPERIMENT)
