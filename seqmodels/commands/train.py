"""The default command: train a model and leave a run directory behind."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from seqmodels.commands.advice import cost_advice
from seqmodels.commands.output import command_lines, print_baselines, print_field
from seqmodels.errors import UserError
from seqmodels.train.config import RunOptions, check_config, in_steps
from seqmodels.train.experiment import Data, Experiment, strongest
from seqmodels.train.runs.run import load_run
from seqmodels.train.runs.run_directory import RunDirectory

if TYPE_CHECKING:
    from seqmodels.train.runs.checkpoint import Checkpoints
    from seqmodels.train.state import TrainState


class Session(NamedTuple):
    """A run that is about to be trained."""

    experiment: Experiment
    data: Data
    config: Any
    directory: RunDirectory
    checkpoints: "Checkpoints"
    task: Any
    state: "TrainState"


def train(experiment: Experiment, config: Any, options: RunOptions) -> int:
    """Train a model and return the exit status."""
    check_config(config)
    prepare = resume if options.resume else begin
    session = prepare(experiment, config, options)
    introduce(session)
    status = run_fit(session, options)
    if status == 0:
        conclude(session)
    return status


def begin(experiment: Experiment, config: Any, options: RunOptions) -> Session:
    """Load the data, initialize the state, and create the run directory."""
    from seqmodels.train.distributed.hosts import broadcast_text
    from seqmodels.train.fit import start
    from seqmodels.train.runs.checkpoint import Checkpoints

    place = options.runs, experiment.name, options.name, options.overwrite
    directory = RunDirectory(broadcast_text(str(RunDirectory.choose(*place).path)))
    data = experiment.data(config, None)
    config = count_in_steps(config, data)
    task = experiment.task(config, data.metadata)
    state = start(task, data.train, config.training, experiment.initial_rates(config))
    directory.create(experiment, config, data.metadata, options.recipe)
    checkpoints = Checkpoints(directory.checkpoints, config.training.keep)
    return Session(experiment, data, config, directory, checkpoints, task, state)


def resume(experiment: Experiment, config: Any, options: RunOptions) -> Session:
    """Load the data and the newest checkpoint of an interrupted run."""
    from seqmodels.train.fit import resume as resume_state
    from seqmodels.train.runs.checkpoint import Checkpoints

    path = options.resume
    assert path is not None
    directory = RunDirectory.open(path, experiment)
    directory.check_resumable()
    if (directory.path / "sweep.json").exists():
        raise UserError(f"{path} is a sweep; continue it with sweep --resume {path}")
    data = experiment.data(config, directory.metadata())
    config = count_in_steps(config, data)
    task = experiment.task(config, data.metadata)
    checkpoints = Checkpoints(directory.checkpoints, config.training.keep)
    rates = experiment.initial_rates(config)
    state = resume_state(task, data.train, config.training, checkpoints, rates)
    if int(state.step) >= config.training.steps:
        raise UserError(f"{path} is complete at step {int(state.step)}; train longer with --steps")
    directory.write_config(experiment, config, directory.recipe())
    directory.rewind(int(state.step))
    return Session(experiment, data, config, directory, checkpoints, task, state)


def count_in_steps(config: Any, data: Data) -> Any:
    """Convert an epoch-based config to steps."""
    return replace(config, training=in_steps(config.training, data.train.steps_per_epoch))


def introduce(session: Session) -> None:
    """Print what is trained, on what, what it costs, and the baselines."""
    import jax

    from seqmodels.train.progress import device_line

    data = session.data
    parameters = sum(leaf.size for leaf in jax.tree.leaves(session.state.params))
    print_field("device", device_line())
    print_field("parameters", f"{parameters:,}")
    print_field("data", data_line(data))
    for name, text in cost_advice(session.config, data):
        print_field(name, text)
    print_baselines(data, session.experiment.metric)
    print_field("run", session.directory.display_path())


def data_line(data: Data) -> str:
    """Return the name of the data and the sizes of its splits."""
    sizes = ", ".join(f"{split} {size:,}" for split, size in data.sizes.items())
    return f"{data.name}: {sizes} {data.unit}"


def run_fit(session: Session, options: RunOptions) -> int:
    """Train with a progress bar; return 0, 1 if training diverged, or 128 + the signal."""
    from seqmodels.train.fit import Log, TrainingDiverged, fit
    from seqmodels.train.interrupt import Interrupted
    from seqmodels.train.progress import ProgressReport

    experiment, data, config, directory, checkpoints, task, state = session
    with ExitStack() as stack:
        training = config.training
        report = ProgressReport(training.steps, experiment.metric, data.step_unit, int(state.step))
        stack.enter_context(report)
        logs: list[Log] = [directory.log, report, *optional_logs(options, directory, stack)]
        try:
            fit(
                task,
                data.train,
                training,
                dev=data.dev,
                metric=experiment.metric,
                state=state,
                checkpoints=checkpoints,
                logs=logs,
            )
        except Interrupted as stop:
            command = f"{experiment.program} --resume {directory.display_path()}"
            report.line(f"saved at step {stop.step:,}; continue with: {command}")
            return 128 + stop.signal
        except TrainingDiverged as error:
            report.line(f"error: {error}")
            return 1
    return 0


def optional_logs(
    options: RunOptions, directory: RunDirectory, stack: ExitStack
) -> list[Callable[[dict[str, Any]], None]]:
    """Return the TensorBoard and profiler logs that the options ask for."""
    from seqmodels.train.logs import Profile, tensorboard

    logs: list[Callable[[dict[str, Any]], None]] = []
    if options.tensorboard:
        logs.append(tensorboard(directory.path / "tensorboard"))
    if options.profile:
        profile = Profile(directory.path / "profile", options.profile)
        stack.callback(profile.close)
        logs.append(profile)
    return logs


def conclude(session: Session) -> None:
    """Draw the curves, print the best dev result, and list what can be done with the run."""
    import jax

    from seqmodels.train.distributed.hosts import is_first_host
    from seqmodels.train.logs import draw_curves

    if not is_first_host():
        return
    experiment, data, directory = session.experiment, session.data, session.directory
    records, name = directory.records(), experiment.metric.name
    baseline = strongest(data.baselines, experiment.metric, "dev")
    draw_curves(records, experiment.metric, baseline, directory.path / "curves.png")
    best = session.checkpoints.best()
    values = [r[name] for r in records if r["split"] == "dev" and r["step"] == best]
    if values:
        line = f"dev {name} {values[-1]:.4f} at step {best:,}"
        rival = f"; baseline {baseline.value:.4f} ({baseline.name})" if baseline else ""
        print_field("best", line + rival)
    clipped = [record["clipped"] for record in records if record["split"] == "train"]
    if any(clipped):
        share = sum(clipped) / len(clipped)
        print_field("clipping", f"{share:.0%} of the gradients, by --clip-norm")
    recipe = experiment.recipes.get(directory.recipe() or "")
    if recipe is not None:
        print_field("expected", recipe.expectation())
    if experiment.finish is not None and jax.process_count() == 1:  # it loads the run by itself
        experiment.finish(load_run(directory.path, experiment))
    print_field("run", directory.display_path())
    print(command_lines(experiment, directory))
