"""The sweep command: what it writes and prints, resuming, and its mistakes."""

import csv
import json
import os
import signal
from pathlib import Path

import jax
import pytest
from matplotlib.image import imread
from toy_experiment import EXPERIMENT, Config

from seqmodels.cli import load_run, status
from seqmodels.train.interrupt import Interrupted
from seqmodels.train.runs.run_directory import RunDirectory
from seqmodels.train.sweep.points import SweepOptions
from seqmodels.train.sweep.sweep import Problem, sweep

pytestmark = pytest.mark.usefixtures("one_device")

GRID = ["--learning-rate", "1e-3", "1e-1", "--units", "2", "3"]
SMALL = ["--steps", "20", "--evaluate-every", "10", "--dispatch", "10"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = jax.config.jax_compilation_cache_dir
    yield
    jax.config.update("jax_compilation_cache_dir", before)


def table(run):
    with (Path(run) / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_grid_becomes_a_leaderboard_and_an_ordinary_run(capsys):
    assert status(EXPERIMENT, ["sweep", *GRID, *SMALL]) == 0
    run = Path("runs/toy/001")
    out = capsys.readouterr().out
    assert "members     4" in out
    assert "say runs/toy/001/best" in out
    rows = table(run)
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    values = [float(row["best_error"]) for row in rows]
    assert values == sorted(values)
    assert imread(run / "sweep.png").std() > 0
    best = load_run(EXPERIMENT, "runs/toy/001")
    assert best.config.learning_rate == float(rows[0]["learning_rate"])
    assert best.config.units == int(rows[0]["units"])

    assert status(EXPERIMENT, ["evaluate", "runs/toy/001/best"]) == 0
    measured = json.loads((run / "best" / "evaluation.json").read_text())
    assert measured["dev"]["error"] == pytest.approx(values[0])
    assert status(EXPERIMENT, ["say", "runs/toy/001", "--word", "hey"]) == 0
    assert "hey" in capsys.readouterr().out

    assert status(EXPERIMENT, ["sweep", "--resume", str(run), "--steps", "30"]) == 0
    assert [row["fate"] for row in table(run)] == ["trained to 30"] * 4


def sweep_in(directory, logs=()):
    def problem(config):
        data = EXPERIMENT.data(config, None)
        return Problem(EXPERIMENT.task(config, data.extras), data.train, data.dev)

    def program(number):
        run = RunDirectory(directory / str(number))
        run.path.mkdir(parents=True, exist_ok=True)
        return run

    rates = 1e-3, 1e-2, 1e30, 1e-1
    points = [{"learning_rate": rate, "units": units} for units in (2, 3) for rate in rates]
    return sweep(
        problem,
        points,
        Config(steps=20, evaluate_every=5, dispatch=5),
        metric=EXPERIMENT.metric,
        names=EXPERIMENT.hyper,
        options=SweepOptions(halve_at=(5, 10)),
        directory=program,
        logs=logs,
    )


def kill(record):
    if record["step"] == 15 and record["member"] >= 4:
        raise RuntimeError("killed")


class Stop:
    """SIGTERM, once: a second one is not caught."""

    sent = False

    def __call__(self, record):
        if record["step"] == 15 and record["member"] >= 4 and not self.sent:
            self.sent = True
            os.kill(os.getpid(), signal.SIGTERM)


def test_stopped_killed_and_resumed_equals_uninterrupted():
    whole = sweep_in(Path("whole"))
    with pytest.raises(RuntimeError, match="killed"):
        sweep_in(Path("parted"), [kill])
    with pytest.raises(Interrupted):
        sweep_in(Path("parted"), [Stop()])
    parted = sweep_in(Path("parted"))
    assert parted.rows == whole.rows

    def known(records):
        timed = {"seconds", "compile_seconds", "per_second"}
        return [{k: v for k, v in r.items() if k not in timed} for r in records]

    assert known(parted.records) == known(whole.records)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--steps", "5"], "sweep needs members"),
        (["--seed", "0", "one"], "--seed one: it takes numbers"),
        (["--seed", "0", "1", "--halve-at", "5", "--perturb-every", "20"], "exclude each other"),
        (["--resume", "nowhere"], "nowhere is no run"),
    ],
)
def test_mistakes_get_one_line_and_status_2(arguments, told, capsys):
    assert status(EXPERIMENT, ["sweep", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
