"""Categories from the command line: both levels, attributes, two alphabets."""

import json
from pathlib import Path

import pytest
from matplotlib.image import imread

from experiments.categories.experiment import EXPERIMENT
from seqmodels.cli import status


@pytest.fixture(autouse=True, scope="module")
def _here(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("categories"))
        patch.setattr("seqmodels.cli.prepare", lambda machine: None)  # jax is configured already
        yield


@pytest.fixture(scope="module")
def run(_here):
    """A run on ads of one length and number of features, so that batches have one shape."""
    flags = ["--smoke", "--ads", "300", "--steps", "4", "--evaluate-every", "4", "--dispatch", "4"]
    flags += ["--max-symbols", "2", "--batch-size", "128", "--bag", "20000"]
    assert status(EXPERIMENT, flags) == 0
    return Path("runs/categories/001")


def test_evaluate_reports_both_levels(run):
    assert status(EXPERIMENT, ["evaluate", str(run)]) == 0
    test = json.loads((run / "evaluation.json").read_text())["test"]
    assert test["coarse"] >= test["accuracy"] > 0


def test_predict_prints_consistent_probabilities(run, capsys):
    ad = ["уступлю велосипед . новые шины", "--attributes", "150", "Казань", ""]
    assert status(EXPERIMENT, ["predict", str(run), *ad, "--shown", "12"]) == 0
    coarse, fine, _ = capsys.readouterr().out.split("\n\n")
    probabilities = [
        dict(reversed(line.split()) for line in part.splitlines()) for part in (coarse, fine)
    ]
    for name, probability in probabilities[0].items():
        parts = [float(p) for sub, p in probabilities[1].items() if sub.startswith(name + ":")]
        assert sum(parts) == pytest.approx(float(probability), abs=4e-4)
    assert imread(run / "prediction.png").std() > 0


def test_predict_checks_the_number_of_attributes(run, capsys):
    assert status(EXPERIMENT, ["predict", str(run), "x", "--attributes", "1"]) == 2
    assert "--attributes has 1 values; give 3" in capsys.readouterr().err


def test_errors_draws_confusions(run):
    assert status(EXPERIMENT, ["errors", str(run)]) == 0
    assert (run / "confusion.png").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--ads", "0"], "--ads must be 1 or more"),
        (["--bag", "-1"], "--bag and --sparse-rate must be 0 or more"),
        (["--sparse-rate", "nan"], "--bag and --sparse-rate must be 0 or more"),
        (["--bag", "100", "--learning-rate", "0"], "--learning-rate must be above 0 with --bag"),
    ],
)
def test_error_is_one_line(flags, message, capsys):
    assert status(EXPERIMENT, flags) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
