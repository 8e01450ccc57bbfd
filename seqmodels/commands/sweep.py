"""The sweep command: from flags to a leaderboard, and to the best member as an ordinary run.

runs/<experiment>/<name>/
  config.json, ...  what the members share     sweep.json  points and options
  sweep.csv         the leaderboard            sweep.png   curves; value against each swept flag
  best/             a run like any other       program-0/  what each program needs to go on
"""

import json
import shutil
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any

import jax

from seqmodels.commands.train import baseline_line, shown
from seqmodels.errors import UserError
from seqmodels.train.config import FitConfig, RunOptions
from seqmodels.train.experiment import Data, Experiment
from seqmodels.train.fit import start
from seqmodels.train.interrupt import Interrupted
from seqmodels.train.logs import draw_curves
from seqmodels.train.progress import SweepReport, device_line
from seqmodels.train.runs.checkpoint import Checkpoints
from seqmodels.train.runs.run_directory import RunDirectory
from seqmodels.train.sweep.leaderboard import draw_sweep, show, write_csv
from seqmodels.train.sweep.points import Axis, Point, SweepOptions, make_points
from seqmodels.train.sweep.population_trainer import Best
from seqmodels.train.sweep.sweep import Problem, Swept, sweep


def sweep_command(
    experiment: Experiment,
    program: str,
    config: FitConfig,
    axes: dict[str, Axis],
    sweep_options: SweepOptions,
    options: RunOptions,
) -> int:
    """Train all members, and leave a sweep's directory behind."""
    config.check()
    if config.epochs:
        raise UserError("--epochs: the members of a sweep may differ in theirs, so give --steps")
    if options.resume is None:
        points = make_points(axes, sweep_options, config)
        for point in points:
            replace(config, **point).check()
        place = options.runs, experiment.name, options.name, options.overwrite
        directory = RunDirectory.choose(*place)
    else:
        if axes:
            raise UserError(f"--resume goes on with the members it has: leave out {' '.join(axes)}")
        directory = RunDirectory.open(options.resume, experiment.name)
        points, sweep_options = _read(directory)
    session = _Session(experiment, directory, config, points)
    first = replace(config, **{**points[0], "seed": config.seed})
    data, task = session.data(first), session.problem(first).task
    # what the model refuses is told now, before a sweep is touched
    jax.eval_shape(lambda: start(task, data.train, first, experiment.numbers(first)))
    if options.resume is None:
        directory.create(experiment.name, config, data.extras)
        _write(directory, points, sweep_options)
    else:
        directory.write_config(experiment.name, config)
    print(f"device      {device_line()}")
    print(f"members     {len(points)}")
    print(f"data        {data.name}")
    print(f"to beat     {experiment.metric.name} {baseline_line(data)}")
    print(f"sweep       {shown(directory)}", flush=True)
    report = SweepReport(config.steps, len(points), experiment.metric, data.unit)
    try:
        with report:
            swept = session.run(sweep_options, report)
    except Interrupted as stop:
        command = f"{program} sweep --resume {shown(directory)}"
        print(f"saved at step {stop.step:,}; go on with: {command}")
        return 128 + stop.signal
    return session.conclude(swept, data, program)


def _write(directory: RunDirectory, points: list[Point], options: SweepOptions) -> None:
    content = {"points": points, "options": asdict(options)}
    (directory.path / "sweep.json").write_text(json.dumps(content, indent=1) + "\n")


def _read(directory: RunDirectory) -> tuple[list[Point], SweepOptions]:
    try:
        content = json.loads((directory.path / "sweep.json").read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{directory.path} is no sweep: its sweep.json cannot be read") from error
    options = content["options"]
    return content["points"], SweepOptions(**{**options, "halve_at": tuple(options["halve_at"])})


class _Session:
    """One sweep of an experiment in its directory."""

    def __init__(
        self, experiment: Experiment, directory: RunDirectory, config: Any, points: list[Point]
    ):
        self.experiment, self.directory = experiment, directory
        self.config, self.points = config, points
        self.data = lru_cache(maxsize=1)(lambda config: experiment.data(config, None))
        self.extras: dict[str, Any] = {}

    def run(self, options: SweepOptions, report: SweepReport) -> Swept:
        return sweep(
            self.problem,
            self.points,
            self.config,
            metric=self.experiment.metric,
            names=self.experiment.hyper,
            options=options,
            directory=self.program,
            logs=[report],
            keep=self.keep,
        )

    def problem(self, config: Any) -> Problem:
        data = self.data(config)
        self.extras = data.extras
        return Problem(self.experiment.task(config, data.extras), data.train, data.dev)

    def program(self, number: int) -> RunDirectory:
        directory = RunDirectory(self.directory.path / f"program-{number}")
        directory.path.mkdir(exist_ok=True)
        return directory

    def keep(self, best: Best) -> None:
        """Make the best member so far an ordinary run, whole before it takes its place."""
        path = self.directory.path / "best"
        run = RunDirectory(path.with_name("best.partial"))
        run.create(self.experiment.name, best.config, self.extras)
        checkpoints = Checkpoints(run.checkpoints)
        checkpoints.save(best.state, best.value)
        checkpoints.wait()
        shutil.rmtree(path, ignore_errors=True)
        run.path.rename(path)

    def conclude(self, swept: Swept, data: Data, program: str) -> int:
        """Show and write the leaderboard; say what can be done with the best member."""
        metric, path, baseline = self.experiment.metric, self.directory.path, data.baseline.value
        write_csv(swept.rows, metric, path / "sweep.csv")
        draw_sweep(swept.rows, swept.records, metric, baseline, path / "sweep.png")
        show(swept.rows, metric)
        if not (path / "best").exists():
            print("error: every member diverged: try lower learning rates")
            return 1
        self.draw_best(swept, baseline)
        best = shown(RunDirectory(path / "best"))
        print(f"sweep       {shown(self.directory)}: sweep.csv, sweep.png")
        for command in ("evaluate", *self.experiment.commands):
            print(f"            {program} {command} {best}")
        return 0

    def draw_best(self, swept: Swept, baseline: float) -> None:
        run, member = RunDirectory(self.directory.path / "best"), swept.rows[0].member
        own = [record for record in swept.records if record["member"] == member]
        run.rewind(-1)
        for record in own:
            run.log(record)
        draw_curves(own, self.experiment.metric, baseline, run.path / "curves.png")
