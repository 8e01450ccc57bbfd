"""Series from the command line, on a small set in the archive's format."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from experiments.series.experiment import EXPERIMENT
from seqmodels.cli import status


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seqmodels.cli.prepare", lambda machine: None)  # jax is set up already


def archive(folder, variables=2, classes=("up", "down")):
    """Noisy ramps of unequal lengths, in two variables."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for part in ("TRAIN", "TEST"):
        lines = [f"@classLabel true {' '.join(classes)}", "@data"]
        for number in range(24):
            length = int(random.integers(4, 9))
            ramp = np.linspace(-1, 1, length) * (1 - 2 * (number % 2))
            columns = [ramp + 0.1 * random.normal(size=length) for _ in range(variables)]
            texts = [",".join(f"{x:.4f}" for x in column) for column in columns]
            lines.append(":".join([*texts, classes[number % 2]]))
        (folder / f"Ramps_{part}.ts").write_text("\n".join(lines))
    return str(folder)


def test_learns_an_archive_and_answers_every_command(tmp_path, capsys):
    data = archive(tmp_path / "ramps")
    few = ["--steps", "30", "--evaluate-every", "30", "--hidden", "8", "--learning-rate", "0.03"]
    assert status(EXPERIMENT, ["--data", data, "--patch", "2", "--dispatch", "10", *few]) == 0
    run = Path("runs/series/001")
    assert status(EXPERIMENT, ["evaluate", str(run)]) == 0
    assert json.loads((run / "evaluation.json").read_text())["test"]["accuracy"] == 1.0
    capsys.readouterr()
    assert status(EXPERIMENT, ["predict", str(run), "--shown", "4"]) == 0
    answers = [line.split()[1] for line in capsys.readouterr().out.splitlines()[:4]]
    assert answers == ["up", "down", "up", "down"]
    assert imread(run / "prediction.png").std() > 0
    assert status(EXPERIMENT, ["errors", str(run)]) == 0
    assert "test 0.0000" in capsys.readouterr().out

    other = archive(tmp_path / "other", variables=1) + "/Ramps_TEST.ts"
    assert status(EXPERIMENT, ["predict", str(run), "--file", other]) == 2
    assert "of 1 variables; the run was trained on 2" in capsys.readouterr().err
    assert status(EXPERIMENT, ["predict", str(run), "--draw", "99"]) == 2
    assert "--draw must lie between 1 and 24" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--data", "missing"], "--data missing: give a NAME_TRAIN.ts"),
        (["--patch", "0"], "--patch, --buckets and --series must be 1 or more"),
        (["--window", "0"], "--window above 0"),
    ],
)
def test_mistakes_get_one_line(flags, told, capsys):
    assert status(EXPERIMENT, flags) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
