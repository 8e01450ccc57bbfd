"""Sentiment from the command line: every command, each model, and error messages."""

import csv
import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from matplotlib.image import imread

from experiments.sentiment.experiment import EXPERIMENT, Config, load, model, task
from seqmodels.cli import status
from seqmodels.data.ragged import Padded
from seqmodels.train.config import with_values
from seqmodels.train.evaluator import Evaluator


@pytest.fixture(autouse=True, scope="module")
def _here(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("sentiment"))
        patch.setattr("seqmodels.cli.prepare", lambda machine: None)  # jax is configured already
        yield


def write_sst2(folder, count=24):
    """Write texts of equal length in which one word decides, in the format of SST-2."""
    folder.mkdir()
    for split in ("train", "dev", "test"):
        lines = [f"a {['bad', 'good'][n % 2]} film number {n}\t{n % 2}" for n in range(count)]
        (folder / f"{split}.tsv").write_text("\n".join(lines))
    return str(folder)


@pytest.fixture(scope="module")
def run(_here):
    """A run on texts of equal length; with batches of 128, one program of each kind suffices."""
    flags = ["--data", write_sst2(Path("sst2")), "--steps", "40", "--learning-rate", "0.05"]
    flags += ["--hidden", "6", "--embedding", "6", "--evaluate-every", "40", "--dispatch", "40"]
    flags += ["--cell", "gru", "--min-count", "1", "--batch-size", "128", "--ngrams", "50"]
    assert status(EXPERIMENT, flags) == 0
    return Path("runs/sentiment/001")


def test_learns_which_word_decides(run):
    assert status(EXPERIMENT, ["evaluate", str(run)]) == 0
    measured = json.loads((run / "evaluation.json").read_text())
    assert measured["test"]["accuracy"] == 1.0
    assert set(measured["test"]) == {"nats", "accuracy", "seconds"}


def test_predict_prints_and_draws_the_probability_after_each_word(run, capsys):
    assert status(EXPERIMENT, ["predict", str(run), "good thing"]) == 0
    out = capsys.readouterr().out
    assert "not in the vocabulary: thing" in out
    assert float(out.split("p(1) = ")[1].split()[0]) > 0.5
    assert imread(run / "prediction.png").std() > 0
    assert status(EXPERIMENT, ["predict", str(run), " "]) == 2
    assert "the text is empty" in capsys.readouterr().err


def test_errors_reports_mistakes_and_compares_runs_on_the_same_data(run, capsys):
    other = shutil.copytree(run, run.with_name("other_data")) / "config.json"
    other.write_text(other.read_text().replace("sst2", "missing"))
    (shutil.copytree(run, run.with_name("unmeasured")) / "metrics.jsonl").write_text("")
    assert status(EXPERIMENT, ["errors", str(run), "--constraint", "params<=1e6"]) == 0
    out = capsys.readouterr().out
    assert "train 0.0000  dev 0.0000  test 0.0000" in out
    assert f"best within the constraints: {run}" in "".join(out.splitlines())
    assert "other_data" not in out
    assert "unmeasured" not in out
    assert imread(run / "confusion.png").std() > 0
    assert imread(run / "reliability.png").std() > 0
    with (run / "mistakes.csv").open() as file:
        assert next(csv.reader(file))[-1] == "cause"


def test_bag_of_words_classifies_half_of_the_order_pairs_correctly():
    values = {"model": "bag", "reviews": 200, "max_symbols": 80}
    config = with_values(Config(), {**EXPERIMENT.smoke, **values})
    data = load(config, None)
    bag = task(config, data.metadata)
    found = Evaluator(bag)(bag.init(jax.random.key(0)), {}, data.test)
    assert {"length", "distance", "order", "position"} <= set(found)
    assert found["order"] == 0.5


@pytest.mark.parametrize("ngrams", [0, 20])
@pytest.mark.parametrize("kind", ["recurrent", "bag", "window", "unshared"])
def test_each_model_returns_two_logits(kind, ngrams):
    config = with_values(Config(), {"model": kind, "ngrams": ngrams, "hidden": 4, "embedding": 4})
    metadata = {"vocabulary": {"symbols": ["<unk>", "good", "bad"]}, "classes": ["-", "+"]}
    network, shape = model(config, metadata, {}), (7, 3, 25) if ngrams else (7, 3)
    words = Padded(jax.ShapeDtypeStruct(shape, jnp.int32), jax.ShapeDtypeStruct(shape[:2], bool))
    key = jax.random.key(0)
    logits = jax.eval_shape(lambda x: network.apply(network.init(key), {"x": x}), words)
    assert logits.shape == (3, 2)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--data", "missing"], "--data missing"),
        (["--cell", "tree", "--reviews", "50"], "--cell tree: unknown cell; choose one of rnn"),
        (["--pool", "median", "--reviews", "50"], "choose from last, mean, max, attention"),
        (["--vectors", "missing.txt", "--reviews", "50"], "there is no such file"),
        (["--data", "t.csv"], "has 3 classes, not 2; use python -m experiments.categories"),
        (["--vectors", "v.txt", "--reviews", "50"], "has 2 features; give --embedding 2"),
        (["--dropout", "1"], "--dropout must be"),
        (["--smoothing", "1"], "--smoothing must be"),
        (["--hidden", "0"], "must be 1 or more"),
        (["--window", "0"], "--window must be 1 or more"),
    ],
)
def test_error_is_one_line_and_leaves_no_run(flags, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("text,label\n" + "".join(f"t{n},{n % 3}\n" for n in range(90)))
    Path("v.txt").write_text("good 1 2\nbad -1 -2\n")
    assert status(EXPERIMENT, flags) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not Path("runs").exists()
