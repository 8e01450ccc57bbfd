"""Grades from the command line, and its three models."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from matplotlib.image import imread

from experiments.grades.experiment import EXPERIMENT, Config, model
from seqmodels.cli import status
from seqmodels.data.ragged import Padded
from seqmodels.train.config import with_values


@pytest.fixture(autouse=True, scope="module")
def _here(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("grades"))
        patch.setattr("seqmodels.cli.prepare", lambda machine: None)  # jax is configured already
        yield


@pytest.fixture(scope="module")
def run(_here):
    flags = ["--steps", "40", "--evaluate-every", "40", "--learning-rate", "0.02", "--hidden", "8"]
    assert status(EXPERIMENT, [*flags, "--cell", "gru", "--students", "2000"]) == 0
    return Path("runs/grades/001")


def test_evaluate_reports_the_bayes_optimal_accuracy(run):
    assert status(EXPERIMENT, ["evaluate", str(run)]) == 0
    test = json.loads((run / "evaluation.json").read_text())["test"]
    assert 0.65 < test["accuracy"] <= test["bayes_optimal"] + 0.05


def test_errors_draws_confusions(run):
    assert status(EXPERIMENT, ["errors", str(run)]) == 0
    assert (run / "confusion.png").exists()


def test_predict_prints_and_draws_the_probability_after_each_score(run, capsys):
    assert status(EXPERIMENT, ["predict", str(run), "--scores", "-1", "1", "2.5"]) == 0
    *lines, _ = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    ours, best = ([float(line.split()[place]) for line in lines] for place in (3, 5))
    assert best[0] < 0.5 < best[2]
    assert ours[0] < ours[2]
    assert imread(run / "prediction.png").std() > 0


def test_predict_checks_the_number_of_scores(run, capsys):
    assert status(EXPERIMENT, ["predict", str(run), "--scores", *["0"] * 11]) == 2
    assert "between 1 and 10" in capsys.readouterr().err


def test_predict_with_features_alone_ignores_the_scores(capsys):
    flags = ["--smoke", "--model", "features", "--steps", "2", "--students", "200"]
    assert status(EXPERIMENT, [*flags, "--name", "features"]) == 0
    capsys.readouterr()
    arguments = ["runs/grades/features", "--features", "2", "2", "2"]
    assert status(EXPERIMENT, ["predict", *arguments]) == 0
    *lines, _ = capsys.readouterr().out.splitlines()
    probabilities = [line.split("p(pass)")[1] for line in lines]
    assert len(set(probabilities)) == 1
    assert float(probabilities[0].split()[-1]) > 0.7


def test_model_of_both_inputs_reads_scores_and_features():
    config = with_values(Config(), {"model": "both", "hidden": 4})
    network = model(config, {}, {})
    params, apply = jax.jit(network.init)(jax.random.key(0)), jax.jit(network.apply)
    scores = np.random.default_rng(0).normal(size=(5, 2, 1)).astype(np.float32)
    features, mask = np.zeros((2, 3), np.float32), np.ones((5, 2), bool)
    logits = apply(params, {"x": Padded(scores, mask), "static": features})
    assert logits.shape == (2, 2)
    other = apply(params, {"x": Padded(scores, mask), "static": features + 1})
    assert not np.allclose(logits, other)
    other = apply(params, {"x": Padded(-scores, mask), "static": features})
    assert not np.allclose(logits, other)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--students", "19"], "--students must be 20 or more"),
        (["--head", "0"], "--head must be 1 or more"),
    ],
)
def test_error_is_one_line(flags, message, capsys):
    assert status(EXPERIMENT, flags) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
