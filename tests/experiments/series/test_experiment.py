"""Series from the command line, on a small data set in the archive's format."""

import json

import numpy as np
import pytest
from matplotlib.image import imread

from experiments.series.experiment import EXPERIMENT
from seqmodels.cli import status


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Work in an empty folder; jax is already configured."""
    folder = tmp_path_factory.mktemp("series")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("seqmodels.cli.prepare", lambda machine: None)
        yield folder


def write_archive(folder, variables=2, classes=("up", "down")):
    """Write noisy ramps of unequal lengths."""
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


@pytest.fixture(scope="module")
def run(folder):
    """A model trained on ramps."""
    flags = ["--data", write_archive(folder / "ramps"), "--patch", "2", "--dispatch", "10"]
    flags += ["--steps", "30", "--evaluate-every", "30", "--hidden", "8"]
    assert status(EXPERIMENT, [*flags, "--learning-rate", "0.03"]) == 0
    return folder / "runs" / "series" / "001"


def test_learns_an_archive(run):
    assert status(EXPERIMENT, ["evaluate", str(run)]) == 0
    assert json.loads((run / "evaluation.json").read_text())["test"]["accuracy"] == 1.0


def test_predict_prints_classes_and_draws(run, capsys):
    assert status(EXPERIMENT, ["predict", str(run), "--shown", "4"]) == 0
    answers = [line.split()[1] for line in capsys.readouterr().out.splitlines()[:4]]
    assert answers == ["up", "down", "up", "down"]
    assert imread(run / "prediction.png").std() > 0
    assert status(EXPERIMENT, ["predict", str(run), "--draw", "99"]) == 2
    assert "--draw must be from 1 to 24" in capsys.readouterr().err


def test_errors_prints_the_error_of_each_split(run, capsys):
    assert status(EXPERIMENT, ["errors", str(run)]) == 0
    assert "test 0.0000" in capsys.readouterr().out


def test_another_number_of_variables_is_refused(run, folder, capsys):
    other = write_archive(folder / "other", variables=1) + "/Ramps_TEST.ts"
    assert status(EXPERIMENT, ["predict", str(run), "--file", other]) == 2
    assert "of 1 variables; the run was trained on 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--data", "missing"], "--data missing: give a NAME_TRAIN.ts"),
        (["--patch", "0"], "--patch must be 1 or more"),
        (["--window", "0"], "--window must be above 0"),
        (["--noise", "-1"], "--noise must be 0 or more"),
        (["--dev-share", "1"], "--dev-share must be 0 or more and below 1"),
    ],
)
def test_wrong_flags_are_refused_in_one_line(flags, message, capsys):
    assert status(EXPERIMENT, flags) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
