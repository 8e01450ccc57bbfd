"""Next word: training, recipes, evaluation, errors of the user."""

import json
import math

import pytest

from experiments.next_word.experiment import Config
from seqmodels.train.config import config_values
from seqmodels.train.runs.run_directory import RunDirectory

RUN = "runs/next_word/one"


def test_evaluation_prints_perplexity(command, folder):
    assert command("evaluate", RUN).status == 0
    results = json.loads((folder / RUN / "evaluation.json").read_text())
    assert results["dev"]["perplexity"] == pytest.approx(math.exp(results["dev"]["nats"]))
    assert 5 < results["test"]["perplexity"] < 30
    metadata = RunDirectory(folder / RUN).metadata()
    assert set(metadata["vocabulary"]["symbols"]) == {
        *["the", "a", "<unk>", "cat", "dog", "sat", "ran", "on", "mat", "<eos>"]
    }


def test_flags_override_a_recipe(command, folder):
    flags = ["--recipe", "zaremba-small", "--hidden", "8", "--embedding", "0", "--epochs", "1"]
    flags += ["--data", "ptb", "--model", "bag", "--batch-size", "7", "--samples", "5"]
    result = command(*flags, "--dispatch", "3", "--name", "zaremba")
    assert result.status == 0
    assert "train 420, dev 35, test 28 words" in result.out
    config = RunDirectory(folder / "runs/next_word/zaremba").config(Config)
    steps = 419 // (7 * 20)
    values = config_values(config)
    assert (values["steps"], values["hold_steps"], values["decay_steps"]) == (
        steps, 4 * steps, steps
    )  # fmt: skip
    assert (values["optimizer"], values["learning_rate"], values["hidden"]) == ("sgd", 20.0, 8)
    result = command("embedding", "runs/next_word/zaremba")
    assert result.status == 2
    assert "has no embedding" in result.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--data", "missing"], "cannot read missing"),
        (["--data", "ptb", "--cell", "brain"], "--cell brain: unknown cell"),
        (["--data", "ptb", "--batch-size", "2000"], "lower --batch-size or --length"),
        (["--data", "ptb", "--dropout", "1"], "--dropout must be 0 or more and below 1"),
        (["--data", "ptb", "--vocabulary", "1"], "--vocabulary must be 2 or more"),
        (["--data", "ptb", "--min-count", "-1"], "--min-count must be 1 or more"),
        (["--data", "ptb", "--epochs", "-1"], "--epochs must be 1 or more"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_training_errors_take_one_line(train, flags, message):
    result = train(*flags)
    assert result.status == 2
    assert message in result.err
    assert result.err.count("\n") == 1


def test_a_sweep_does_not_take_epochs(command):
    result = command("sweep", "--data", "ptb", "--epochs", "2")
    assert result.status == 2
    assert "--epochs: " in result.err
    assert result.err.count("\n") == 1
