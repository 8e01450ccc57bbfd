"""Supernovae from the command line, and that no night knows of a later one."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.image import imread

from experiments.supernovae.experiment import EXPERIMENT, Config, model
from experiments.supernovae.features import night_features
from experiments.supernovae.simulate import simulated
from seqmodels.cli import status
from seqmodels.diagnostics.plots.unfolding import unfolding


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seqmodels.cli.prepare", lambda machine: None)  # jax is set up already


def test_made_up_curves_through_every_command(capsys):
    small = ["--smoke", "--curves", "80", "--steps", "4", "--buckets", "1", "--layers", "1"]
    flags = ["--no-bidirectional", "--cell", "gru", "--types", "3", "--farther", "0.2"]
    assert status(EXPERIMENT, [*small, *flags]) == 0
    run = Path("runs/supernovae/001")
    assert status(EXPERIMENT, ["evaluate", str(run)]) == 0
    capsys.readouterr()
    assert status(EXPERIMENT, ["score", str(run), "--days", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    measured = [float(word) for word in lines[0].split()[3::2]]
    assert all(0 <= value <= 1 for value in measured)
    assert imread(run / "early.png").std() > 0
    assert status(EXPERIMENT, ["score", str(run), "--dev"]) == 0
    of_two = float(capsys.readouterr().out.splitlines()[-1].split()[3])
    assert of_two in (0.0, 0.5, 1.0)
    assert status(EXPERIMENT, ["score", str(run), "--days", "-1"]) == 2
    assert "--days -1.0 must be 0 or more" in capsys.readouterr().err
    assert status(EXPERIMENT, ["predict", str(run)]) == 0
    chances = [float(line.split()[0]) for line in capsys.readouterr().out.splitlines()[:3]]
    assert sum(chances) == pytest.approx(1.0, abs=1e-3)
    assert imread(run / "prediction.png").std() > 0
    assert status(EXPERIMENT, ["errors", str(run)]) == 0
    assert status(EXPERIMENT, ["predict", str(run), "--name", "nobody"]) == 2
    assert "--name nobody is none of the test curves" in capsys.readouterr().err


@pytest.mark.parametrize("redshift", [True, False])
def test_features_are_causal_and_know_no_redshift_unasked(redshift):
    nights = simulated(8).one(0)
    features, size = night_features(redshift)
    whole = features.apply({}, jnp.asarray(nights[:, None]))
    assert whole.shape[-1] == size
    part = features.apply({}, jnp.asarray(nights[:5, None]))
    np.testing.assert_array_equal(whole[:5], part)
    moved = nights.copy()
    moved[:, 13:] += 0.1
    again = features.apply({}, jnp.asarray(moved[:, None]))
    assert np.array_equal(again, whole) == (not redshift)


def test_a_causal_network_does_not_change_its_mind_about_the_past():
    config = Config(bidirectional=False, hidden=4, layers=1, cell="gru")
    judge = model(config, {"classes": ["other", "Ia"]}, {})
    params, nights = judge.init(jax.random.key(0)), simulated(8).one(1)
    whole, part = (unfolding(judge, params, each) for each in (nights, nights[:6]))
    np.testing.assert_allclose(whole[:6], part, atol=1e-5)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--data", "missing"], "--data missing: there are no .DAT files"),
        (["--share", "1"], "--share, --dev-share and --thin must lie between 0 and 1"),
        (["--fainter", "0.5"], "--fainter must be 1 or more"),
        (["--curves", "0"], "--curves must be 1 or more"),
        (["--buckets", "0"], "--buckets must be 1 or more"),
        (["--split", "-1"], "--split -1 must be 0 or more"),
    ],
)
def test_mistakes_get_one_line(flags, told, capsys):
    assert status(EXPERIMENT, flags) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
