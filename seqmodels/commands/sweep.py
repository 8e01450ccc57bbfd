"""The ``sweep`` command: train many members, rank them, and keep the best as an ordinary run.

runs/<experiment>/<name>/
  config.json, ...  settings shared by the members   sweep.json  points and options
  sweep.csv         leaderboard                      sweep.png   curves; value against each flag
  best/             an ordinary run                  program-0/  state of each program, to resume
  members/000/      all members, with --keep-members
"""

import json
import shutil
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqmodels.commands.output import (
    command_lines,
    print_baselines,
    print_field,
    print_strongest_baseline,
)
from seqmodels.commands.train import data_line
from seqmodels.errors import UserError
from seqmodels.train.config import RunOptions, check_config, with_values
from seqmodels.train.experiment import BaselineScore, Data, Experiment, strongest
from seqmodels.train.runs.run_directory import RunDirectory
from seqmodels.train.sweep.points import Axis, Point, SweepOptions, make_points

if TYPE_CHECKING:
    from seqmodels.train.progress import SweepReport
    from seqmodels.train.sweep.keeper import Best, Keeper
    from seqmodels.train.sweep.sweep import SweepData, SweepResult


def sweep_command(
    experiment: Experiment,
    config: Any,
    axes: dict[str, Axis],
    sweep_options: SweepOptions,
    options: RunOptions,
) -> int:
    """Train all members and return the exit status."""
    from seqmodels.train.interrupt import Interrupted
    from seqmodels.train.progress import SweepReport

    check_config(config)
    if config.training.epochs:
        raise UserError("--epochs: members of a sweep may differ in their epochs; use --steps")
    if options.resume is None:
        points = make_points(axes, sweep_options, config)
        for point in points:
            check_config(with_values(config, point))
        place = options.runs, experiment.name, options.name, options.overwrite
        directory = RunDirectory.choose(*place)
    else:
        if axes:
            flags = " ".join(axes)
            raise UserError(f"--resume continues with the sweep's own members; leave out {flags}")
        directory = RunDirectory.open(options.resume, experiment)
        directory.check_resumable()
        points, sweep_options = read_points(directory)
    session = SweepSession(experiment, directory, config, points)
    data = session.check()
    if options.resume is None:
        directory.create(experiment, config, data.metadata, options.recipe)
        write_points(directory, points, sweep_options)
    else:
        directory.write_config(experiment, config, directory.recipe())
    introduce(experiment, data, directory, len(points))
    report = SweepReport(config.training.steps, len(points), experiment.metric, data.step_unit)
    try:
        with report:
            result = session.run(sweep_options, report)
    except Interrupted as stop:
        command = f"{experiment.program} sweep --resume {directory.display_path()}"
        print(f"saved at step {stop.step:,}; continue with: {command}")
        return 128 + stop.signal
    return session.conclude(result, data)


def introduce(experiment: Experiment, data: Data, directory: RunDirectory, members: int) -> None:
    """Print what is trained, on what, and the baselines."""
    from seqmodels.train.progress import device_line

    print_field("device", device_line())
    print_field("members", str(members))
    print_field("data", data_line(data))
    print_baselines(data, experiment.metric)
    print_field("sweep", directory.display_path())


def write_points(directory: RunDirectory, points: list[Point], options: SweepOptions) -> None:
    """Write the points and options of a new sweep."""
    content = {"points": points, "options": asdict(options)}
    (directory.path / "sweep.json").write_text(json.dumps(content, indent=1) + "\n")


def read_points(directory: RunDirectory) -> tuple[list[Point], SweepOptions]:
    """Read the points and options of a sweep."""
    try:
        content = json.loads((directory.path / "sweep.json").read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{directory.path} is not a sweep: sweep.json cannot be read") from error
    options = content["options"]
    return content["points"], SweepOptions(**{**options, "halve_at": tuple(options["halve_at"])})


class SweepSession:
    """A sweep of an experiment in its directory."""

    def __init__(
        self, experiment: Experiment, directory: RunDirectory, config: Any, points: list[Point]
    ):
        self.experiment, self.directory = experiment, directory
        self.config, self.points = config, points
        self.data = lru_cache(maxsize=1)(lambda config: experiment.data(config, None))
        self.metadata: dict[str, Any] = {}

    def check(self) -> Data:
        """Trace the first member, so that errors surface before the sweep is written."""
        import jax

        from seqmodels.train.fit import start

        seed = self.config.training.seed
        first = with_values(self.config, {**self.points[0], "seed": seed})
        data, task = self.data(first), self.build(first).task
        rates = self.experiment.initial_rates(first)
        jax.eval_shape(lambda: start(task, data.train, first.training, rates))
        return data

    def run(self, options: SweepOptions, report: "SweepReport") -> "SweepResult":
        """Train all members."""
        from seqmodels.train.sweep.sweep import sweep

        return sweep(
            self.build,
            self.points,
            self.config,
            metric=self.experiment.metric,
            initial_rates=self.experiment.initial_rates,
            options=options,
            directory=self.program_directory,
            logs=[report],
            keeper=self.keeper(options),
        )

    def build(self, config: Any) -> "SweepData":
        """Return the task and data of the members with this config."""
        from seqmodels.train.sweep.sweep import SweepData

        data = self.data(config)
        self.metadata = data.metadata
        return SweepData(self.experiment.task(config, data.metadata), data.train, data.dev)

    def program_directory(self, number: int) -> RunDirectory:
        """Return the directory of a compiled program's members."""
        directory = RunDirectory(self.directory.path / f"program-{number}")
        directory.path.mkdir(exist_ok=True)
        return directory

    def keeper(self, options: SweepOptions) -> "Keeper":
        """Return what saves the best member, and every member if the options ask for it."""
        from seqmodels.train.sweep.keeper import Keeper

        path = self.directory.path
        member = partial(self.save_member, path / "members") if options.keep_members else None
        return Keeper(partial(self.save, path / "best"), member)

    def save_member(self, folder: Path, member: "Best") -> None:
        """Write a member into its own folder."""
        self.save(folder / f"{member.member:03d}", member)

    def save(self, path: Path, best: "Best") -> None:
        """Write a member as an ordinary run, then move it into place."""
        from seqmodels.train.runs.checkpoint import Checkpoints

        run = RunDirectory(path.with_name(f"{path.name}.partial"))
        run.create(self.experiment, best.config, self.metadata, self.directory.recipe())
        checkpoints = Checkpoints(run.checkpoints)
        checkpoints.save(best.state, best.value)
        checkpoints.wait()
        shutil.rmtree(path, ignore_errors=True)
        run.path.rename(path)

    def conclude(self, result: "SweepResult", data: Data) -> int:
        """Print and write the leaderboard, and list what can be done with the best member."""
        from seqmodels.train.sweep.leaderboard import draw_sweep, print_rows, write_csv

        metric, path = self.experiment.metric, self.directory.path
        baseline = strongest(data.baselines, metric, "dev")
        write_csv(result.rows, metric, path / "sweep.csv")
        draw_sweep(result.rows, result.records, metric, baseline, path / "sweep.png")
        print_rows(result.rows, metric)
        print_strongest_baseline(data, metric, "dev")
        best = RunDirectory(path / "best")
        if not best.path.exists():
            print("error: every member diverged; use lower learning rates")
            return 1
        self.draw_best(best, result, baseline)
        print_field("sweep", f"{self.directory.display_path()}: sweep.csv, sweep.png")
        if (path / "members").exists():
            print(f"{'':12}{self.experiment.program} ensemble {self.directory.display_path()}")
        print(command_lines(self.experiment, best))
        return 0

    def draw_best(
        self, best: RunDirectory, result: "SweepResult", baseline: BaselineScore | None
    ) -> None:
        """Write the records and curves of the best member into its run directory."""
        from seqmodels.train.logs import draw_curves

        member = result.rows[0].member
        own = [record for record in result.records if record["member"] == member]
        best.rewind(-1)
        for record in own:
            best.log(record)
        draw_curves(own, self.experiment.metric, baseline, best.path / "curves.png")
