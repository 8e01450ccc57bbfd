"""The shared commands themselves: from flags to a run directory and a few printed lines."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jax

from seqmodels.errors import UserError
from seqmodels.train.config import FitConfig, RunOptions, in_steps
from seqmodels.train.distributed.hosts import agree, is_first
from seqmodels.train.experiment import Data, Experiment, load_run
from seqmodels.train.fit import Evaluator, Log, TrainingDiverged, fit, resume, start
from seqmodels.train.interrupt import Interrupted
from seqmodels.train.logs import Profile, draw_curves, tensorboard
from seqmodels.train.progress import Report, device_line
from seqmodels.train.runs.checkpoint import Checkpoints
from seqmodels.train.runs.run_directory import RunDirectory
from seqmodels.train.state import TrainState
from seqmodels.types import Task


def train(experiment: Experiment, program: str, config: FitConfig, options: RunOptions) -> int:
    """Train, and leave a run directory behind."""
    config.check()
    if options.resume is None:
        place = options.runs, experiment.name, options.name, options.overwrite
        directory, extras = RunDirectory(agree(str(RunDirectory.choose(*place).path))), None
    else:
        directory = RunDirectory.open(options.resume, experiment.name)
        extras = directory.extras()
    data = experiment.data(config, extras)
    config = in_steps(config, data.train.steps_per_epoch)
    task = experiment.task(config, data.extras)
    checkpoints = Checkpoints(directory.checkpoints, config.keep)
    numbers = experiment.numbers(config)
    if options.resume is None:
        state = start(task, data.train, config, numbers)
        directory.create(experiment.name, config, data.extras)
    else:
        state = resume(task, data.train, config, checkpoints, numbers)
        _check_unfinished(state, config, options.resume)
        directory.write_config(experiment.name, config)
        directory.rewind(int(state.step))
    _introduce(experiment, data, state, directory)
    return _fit(experiment, program, task, data, config, options, state, checkpoints, directory)


def _check_unfinished(state: TrainState, config: FitConfig, run: str) -> None:
    if int(state.step) >= config.steps:
        raise UserError(f"{run} is complete at step {int(state.step)}: give more with --steps")


def _introduce(
    experiment: Experiment, data: Data, state: TrainState, directory: RunDirectory
) -> None:
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    sizes = ", ".join(f"{split} {size:,}" for split, size in data.sizes.items())
    print(f"device      {device_line()}")
    print(f"parameters  {parameters:,}")
    print(f"data        {data.name}: {sizes} {data.unit}")
    print(f"to beat     {experiment.metric.name} {baseline_line(data)}")
    print(f"run         {shown(directory)}", flush=True)


def baseline_line(data: Data) -> str:
    """What a model has to beat, in words."""
    return f"{data.baseline.value:.4f} ({data.baseline.name})"


def _fit(
    experiment: Experiment,
    program: str,
    task: Task,
    data: Data,
    config: FitConfig,
    options: RunOptions,
    state: TrainState,
    checkpoints: Checkpoints,
    directory: RunDirectory,
) -> int:
    with ExitStack() as stack:
        report = Report(config.steps, experiment.metric, data.unit, int(state.step))
        stack.enter_context(report)
        logs: list[Log] = [directory.log, report, *_more_logs(options, directory, stack)]
        try:
            fit(
                task,
                data.train,
                config,
                dev=data.dev,
                metric=experiment.metric,
                state=state,
                checkpoints=checkpoints,
                logs=logs,
            )
        except Interrupted as stop:
            command = f"{program} --resume {shown(directory)}"
            report.line(f"saved at step {stop.step:,}; go on with: {command}")
            return 128 + stop.signal
        except TrainingDiverged as error:
            report.line(f"error: {error}")
            return 1
    _conclude(experiment, program, data, checkpoints, directory)
    return 0


def _more_logs(options: RunOptions, directory: RunDirectory, stack: ExitStack) -> list[Log]:
    logs: list[Log] = []
    if options.tensorboard:
        logs.append(tensorboard(directory.path / "tensorboard"))
    if options.profile:
        profile = Profile(directory.path / "profile", options.profile)
        stack.callback(profile.close)
        logs.append(profile)
    return logs


def _conclude(
    experiment: Experiment,
    program: str,
    data: Data,
    checkpoints: Checkpoints,
    directory: RunDirectory,
) -> None:
    """Draw the curves; say how good the best checkpoint is, and what can be done with it."""
    if not is_first():
        return
    records, name = directory.records(), experiment.metric.name
    draw_curves(records, experiment.metric, data.baseline.value, directory.path / "curves.png")
    best = checkpoints.best()
    values = [r[name] for r in records if r["split"] == "dev" and r["step"] == best]
    if values:
        beat = baseline_line(data)
        print(f"best        dev {name} {values[-1]:.4f} at step {best:,}, to beat {beat}")
    if experiment.finish is not None and jax.process_count() == 1:  # it may load the run alone
        experiment.finish(load_run(experiment, str(directory.path)))
    print(f"run         {shown(directory)}")
    for command in dict.fromkeys(("evaluate", *experiment.commands)):  # it may be their own
        print(f"            {program} {command} {shown(directory)}")


def shown(directory: RunDirectory) -> str:
    """The path as a person would type it."""
    try:
        return str(directory.path.relative_to(Path.cwd()))
    except ValueError:
        return str(directory.path)


def evaluate(experiment: Experiment, path: str, data_path: str | None) -> None:
    """Print the metrics of the best checkpoint on dev and test; write evaluation.json."""
    run = load_run(experiment, path)
    config = run.config if data_path is None else _with_data(run.config, data_path)
    data = experiment.data(config, run.extras)
    measure = Evaluator(run.task, run.config.dispatch)
    print(f"{shown(run.directory)} at step {run.step:,}, {data.name}")
    results = {}
    for split, batches in (("dev", data.dev), ("test", data.test)):
        if batches is None:
            continue
        means = measure(run.params, run.hyper, batches)
        results[split] = means | experiment.derive(means)
        metrics = {k: v for k, v in results[split].items() if k != "seconds"}
        print(f"{split:<8}" + "  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
    print(f"to beat {experiment.metric.name} {baseline_line(data)}")
    text = json.dumps({"step": run.step, "data": data.name, **results}, indent=1)
    (run.directory.path / "evaluation.json").write_text(text + "\n")


def _with_data(config: FitConfig, path: str) -> FitConfig:
    if "data" not in {field.name for field in fields(config)}:
        raise UserError("--data: this experiment makes its own data")
    return replace(config, data=path)  # type: ignore[call-arg]


def apply(experiment: Experiment, path: str, function: Callable, arguments: Any) -> None:
    """Run one of the experiment's own commands on a trained run."""
    function(load_run(experiment, path), arguments)
