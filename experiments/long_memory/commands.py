"""Commands that use trained runs: compare their outcomes, gradient flow, time per engine."""

from contextlib import suppress
from dataclasses import dataclass

from seqmodels.cli import Run
from seqmodels.commands.output import print_picture
from seqmodels.errors import UserError
from seqmodels.train.config import with_values


@dataclass(frozen=True)
class CompareArguments:
    """What to compare."""

    like: str = "*"
    """Pattern for the names of the runs."""


@dataclass(frozen=True)
class FlowArguments:
    """What to measure."""

    rows: int = 32
    """Number of sequences."""


@dataclass(frozen=True)
class SpeedArguments:
    """What to time."""

    lengths: tuple[int, ...] = (100, 300, 1000, 3000)
    """Values of T."""


def compare(run: Run, arguments: CompareArguments) -> None:
    """Draw which networks solve this run's problem at which T, from all runs in its parent folder.

    A sweep counts with its best trial.
    """
    from experiments.long_memory.outcomes import SOLVED_BELOW, best_outcomes, outcome, verdict
    from seqmodels.diagnostics.plots.threshold_table import draw_threshold_table
    from seqmodels.train.runs.run_directory import RunDirectory

    problem, runs = run.config.task, run.path.parent
    patterns = [f"{arguments.like}/{best}config.json" for best in ("", "best/")]
    paths = sorted(path for pattern in patterns for path in runs.glob(pattern))
    directories = [RunDirectory(path.parent) for path in paths]
    pairs = [(directory, directory.config(type(run.config))) for directory in directories]
    best = best_outcomes(outcome(*pair) for pair in pairs if pair[1].task == problem)
    if not best:
        raise UserError("no run has been evaluated yet; train one for --evaluate-every steps")
    for (name, length), error in best.items():
        print(f"{name:<22} T = {length:<5} {verdict(error):<11} {error:.4f}")
    title = f"{problem}: error as a fraction of the baseline's"
    draw_threshold_table(best, runs / f"{problem}.png", title, "T", SOLVED_BELOW)
    print_picture(runs / f"{problem}.png")


def flow(run: Run, arguments: FlowArguments) -> None:
    """Draw the norms of dL/ds_t of the untrained and the trained recurrence."""
    import jax

    from experiments.long_memory.pictures import draw_gradient_flow
    from seqmodels.diagnostics.dynamics.gradient_flow import gradient_flow

    config = with_values(run.config, {"batch_size": arguments.rows})
    inputs = run.experiment.data(config, run.metadata).dev(0).inputs
    xs, model = jax.numpy.asarray(inputs), run.model
    norms = jax.jit(lambda p: gradient_flow(model.cell, p["cell"], model.encode(p, xs))["all"])
    untrained = run.task.init(jax.random.key(config.training.seed))
    curves = {"untrained": norms(untrained), "trained": norms(run.params)}
    title = f"{config.cell}, {config.task}, T = {config.length}"
    for name, norm in curves.items():
        arriving = float(jax.numpy.median(norm[0]))
        print(f"{name:<12}{arriving:.3g} of a unit gradient at T arrives at t = 0")
    draw_gradient_flow(curves, title, run.path / "gradient_flow.png")
    print_picture(run.path / "gradient_flow.png")


def speed(run: Run, arguments: SpeedArguments) -> None:
    """Print milliseconds per gradient against T, for each engine that supports the cell."""
    from experiments.long_memory.timing import gradient_seconds
    from seqmodels.engines import ENGINES

    def milliseconds(engine: str, length: int) -> float:
        config = with_values(run.config, {"engine": engine, "length": length})
        batch = run.experiment.data(config, run.metadata).dev(0)
        task = run.experiment.task(config, run.metadata)
        return 1000 * gradient_seconds(task, run.params, {}, batch)

    print("ms by engine " + "".join(f"{f'T={length}':>10}" for length in arguments.lengths))
    for engine in ENGINES:
        with suppress(UserError):  # the engine does not support this cell
            times = [f"{milliseconds(engine, length):10.1f}" for length in arguments.lengths]
            print(f"{engine:<13}" + "".join(times))
