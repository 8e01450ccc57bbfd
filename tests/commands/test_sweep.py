"""The sweep command: what it writes and prints, resuming, and mistakes."""

import csv
import json
import os
import signal
from pathlib import Path

import pytest
from matplotlib.image import imread
from toy_experiment import EXPERIMENT, configure, sweep_data

from seqmodels.cli import load_run, status
from seqmodels.train.interrupt import Interrupted
from seqmodels.train.runs.run_directory import RunDirectory
from seqmodels.train.sweep.points import SweepOptions
from seqmodels.train.sweep.sweep import sweep

pytestmark = pytest.mark.usefixtures("workspace", "one_device")

GRID = ["--learning-rate", "1e-3", "1e-1", "--units", "2", "3"]
SMALL = ["--steps", "20", "--evaluate-every", "10", "--dispatch", "10"]


def leaderboard(run):
    with (run / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_grid_becomes_a_leaderboard_and_an_ordinary_run(capsys):
    assert status(EXPERIMENT, ["sweep", *GRID, *SMALL]) == 0
    run = Path("runs/toy/001")
    out = capsys.readouterr().out
    assert "members     4" in out
    assert "data        generated rows: train 40, dev 40, test 40 rows" in out
    assert "say runs/toy/001/best" in out
    rows = leaderboard(run)
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    values = [float(row["best_error"]) for row in rows]
    assert values == sorted(values)
    assert imread(run / "sweep.png").std() > 0
    best = load_run("runs/toy/001")
    assert best.experiment is EXPERIMENT
    assert best.config.training.optimizer.learning_rate == float(rows[0]["learning_rate"])
    assert best.config.units == int(rows[0]["units"])

    assert status(EXPERIMENT, ["evaluate", "runs/toy/001/best"]) == 0
    evaluation = json.loads((run / "best" / "evaluation.json").read_text())
    assert evaluation["dev"]["error"] == pytest.approx(values[0])
    assert status(EXPERIMENT, ["say", "runs/toy/001", "--word", "hey"]) == 0
    assert "hey" in capsys.readouterr().out

    assert status(EXPERIMENT, ["--resume", str(run), "--steps", "30"]) == 2
    assert f"is a sweep; continue it with sweep --resume {run}\n" in capsys.readouterr().err
    assert status(EXPERIMENT, ["sweep", "--resume", str(run), "--steps", "30"]) == 0
    assert [row["status"] for row in leaderboard(run)] == ["trained to 30"] * 4


def sweep_in(directory, logs=()):
    def program_directory(number):
        run = RunDirectory(directory / str(number))
        run.path.mkdir(parents=True, exist_ok=True)
        return run

    rates = 1e-3, 1e30, 1e-2, 1e-1
    return sweep(
        sweep_data,
        [{"learning_rate": rate, "units": units} for units in (2, 3) for rate in rates],
        configure(steps=20, evaluate_every=5, dispatch=5),
        metric=EXPERIMENT.metric,
        initial_rates=EXPERIMENT.initial_rates,
        options=SweepOptions(halve_at=(5, 10)),
        directory=program_directory,
        logs=logs,
    )


def fail(record):
    if record["step"] == 15 and record["member"] >= 4:
        raise RuntimeError("killed")


class Terminate:
    """Log that sends SIGTERM once; a second signal would not be caught."""

    sent = False

    def __call__(self, record):
        if record["step"] == 15 and record["member"] >= 4 and not self.sent:
            self.sent = True
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_sweep_that_was_killed_and_interrupted_resumes_exactly():
    whole = sweep_in(Path("whole"))
    with pytest.raises(RuntimeError, match="killed"):
        sweep_in(Path("parted"), [fail])
    with pytest.raises(Interrupted):
        sweep_in(Path("parted"), [Terminate()])
    parted = sweep_in(Path("parted"))
    assert parted.rows == whole.rows
    assert sorted(row.status.split()[0] for row in whole.rows).count("dropped") == 6

    def without_times(records):
        times = {"seconds", "compile_seconds", "steps_per_second"}
        return [{k: v for k, v in r.items() if k not in times} for r in records]

    assert without_times(parted.records) == without_times(whole.records)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "5"], "nothing to sweep: give a flag several values"),
        (["--seed", "0", "one"], "--seed one: expected a number"),
        (["--seed", "0", "1", "--halve-at", "5", "--perturb-every", "20"], "exclude each other"),
        (["--seed", "0", "1", "--epochs", "2"], "--epochs: members of a sweep may differ"),
        (["--resume", "nowhere"], "nowhere is not a run directory"),
    ],
)
def test_mistakes_are_reported_in_one_line_with_status_2(arguments, message, capsys):
    assert status(EXPERIMENT, ["sweep", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
