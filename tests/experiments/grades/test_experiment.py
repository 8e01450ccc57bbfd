"""Grades from the command line: three models of the same students."""

import json
from pathlib import Path

import pytest

from experiments.grades.experiment import EXPERIMENT
from seqmodels.cli import status


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seqmodels.cli.prepare", lambda machine: None)  # jax is set up already


def test_scores_through_every_command(capsys):
    flags = ["--steps", "40", "--evaluate-every", "40", "--learning-rate", "0.02", "--hidden", "8"]
    assert status(EXPERIMENT, [*flags, "--cell", "gru", "--students", "2000"]) == 0
    run = Path("runs/grades/001")
    assert status(EXPERIMENT, ["evaluate", str(run)]) == 0
    test = json.loads((run / "evaluation.json").read_text())["test"]
    assert 0.65 < test["accuracy"] <= test["best_possible"] + 0.05
    assert status(EXPERIMENT, ["errors", str(run)]) == 0
    assert (run / "confusion.png").exists()
    capsys.readouterr()
    assert status(EXPERIMENT, ["predict", str(run), "--scores", "-1", "1", "2.5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    ours, best = ([float(line.split()[place]) for line in lines] for place in (3, 6))
    assert best[0] < 0.5 < best[2]
    assert ours[0] < ours[2]
    assert status(EXPERIMENT, ["predict", str(run), "--scores", *["0"] * 11]) == 2
    assert "between 1 and 10" in capsys.readouterr().err


def test_features_alone_say_less_and_are_always_there(capsys):
    flags = ["--smoke", "--model", "features", "--steps", "2", "--students", "200"]
    assert status(EXPERIMENT, flags) == 0
    capsys.readouterr()
    assert status(EXPERIMENT, ["predict", "runs/grades/001", "--features", "2", "2", "2"]) == 0
    chances = [line.split("p(pass)")[1] for line in capsys.readouterr().out.splitlines()]
    assert len(set(chances)) == 1  # no score changes anything
    assert float(chances[0].split()[-1]) > 0.7
