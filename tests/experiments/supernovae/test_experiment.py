"""Supernovae from the command line, and the causality of a network that reads forward."""

import jax
import numpy as np
import pytest
from matplotlib.image import imread

from experiments.supernovae.experiment import EXPERIMENT, Config, model
from experiments.supernovae.simulate import simulate
from seqmodels.cli import status
from seqmodels.models.classification.prefixes import prefix_probabilities
from seqmodels.train.config import with_values


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Work in an empty folder; jax is already configured."""
    folder = tmp_path_factory.mktemp("supernovae")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("seqmodels.cli.prepare", lambda machine: None)
        yield folder


@pytest.fixture(scope="module")
def run(folder):
    """A causal network of three types, trained for a few steps."""
    small = ["--smoke", "--curves", "80", "--steps", "4", "--buckets", "1", "--layers", "1"]
    flags = ["--no-bidirectional", "--cell", "rnn", "--types", "3", "--farther", "0.2"]
    assert status(EXPERIMENT, [*small, *flags]) == 0
    return folder / "runs" / "supernovae" / "001"


def test_score_prints_and_draws_fractions(run, capsys):
    assert status(EXPERIMENT, ["score", str(run), "--days", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    scores = [float(word) for word in lines[0].split()[3::2]]
    assert all(0 <= value <= 1 for value in scores)
    assert imread(run / "early.png").std() > 0
    assert status(EXPERIMENT, ["score", str(run), "--dev"]) == 0
    of_two = float(capsys.readouterr().out.splitlines()[-1].split()[3])
    assert of_two in (0.0, 0.5, 1.0)
    assert status(EXPERIMENT, ["score", str(run), "--days", "-1"]) == 2
    assert "--days must be 0 or more, not -1.0" in capsys.readouterr().err


def test_predict_prints_probabilities_and_draws(run, capsys):
    assert status(EXPERIMENT, ["predict", str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(float(line.split()[0]) for line in lines[:3]) == pytest.approx(1.0, abs=1e-3)
    assert imread(run / "prediction.png").std() > 0
    assert status(EXPERIMENT, ["predict", str(run), "--name", "nova"]) == 2
    assert "--name nova is not a test curve" in capsys.readouterr().err


def test_evaluate_and_errors_run(run):
    assert status(EXPERIMENT, ["evaluate", str(run)]) == 0
    assert status(EXPERIMENT, ["errors", str(run)]) == 0


def test_predictions_of_a_causal_network_do_not_depend_on_later_nights():
    small = {"bidirectional": False, "hidden": 4, "layers": 1, "cell": "gru"}
    network = model(with_values(Config(), small), {"classes": ["other", "Ia"]}, {})
    params, nights = network.init(jax.random.key(0)), simulate(8).curve(1)
    whole, prefix = (prefix_probabilities(network, params, x) for x in (nights, nights[:6]))
    np.testing.assert_allclose(whole[:6], prefix, atol=1e-5)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--data", "missing"], "--data missing: there are no .DAT files"),
        (["--share", "1"], "--share must be 0 or more and below 1"),
        (["--dev-share", "0"], "--dev-share must be above 0"),
        (["--thin", "1"], "--thin must be 0 or more and below 1"),
        (["--fainter", "0.5"], "--fainter must be 1 or more"),
        (["--farther", "-1"], "--farther must be 0 or more"),
        (["--beginning", "0"], "--beginning must be above 0"),
        (["--curves", "0"], "--curves must be 1 or more"),
        (["--buckets", "0"], "--buckets must be 1 or more"),
        (["--split", "-1", "--curves", "9"], "--split must be 0 or more, not -1"),
    ],
)
def test_wrong_flags_are_refused_in_one_line(flags, message, capsys):
    assert status(EXPERIMENT, flags) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
