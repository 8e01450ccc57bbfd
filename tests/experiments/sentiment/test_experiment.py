"""Sentiment from the command line: every command, each model, real formats, and what goes wrong."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from matplotlib.image import imread

from experiments.sentiment.experiment import EXPERIMENT, Config, model
from seqmodels.cli import status
from seqmodels.data.ragged import Padded


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seqmodels.cli.prepare", lambda machine: None)  # jax is set up already


def sst2(folder, count=24):
    """Texts of one length in which one word decides, in the format of SST-2."""
    folder.mkdir()
    for split in ("train", "dev", "test"):
        lines = [f"a {['bad', 'good'][n % 2]} film number {n}\t{n % 2}" for n in range(count)]
        (folder / f"{split}.tsv").write_text("\n".join(lines))
    return str(folder)


FLAGS = ["--hidden", "6", "--embedding", "6", "--evaluate-every", "40", "--dispatch", "40"]


def test_learns_a_folder_and_answers_every_command(tmp_path, capsys):
    train = ["--data", sst2(tmp_path / "sst2"), "--steps", "40", "--learning-rate", "0.05", *FLAGS]
    train += ["--cell", "gru", "--min-count", "1", "--batch-size", "128", "--ngrams", "50"]
    assert status(EXPERIMENT, train) == 0
    run = Path("runs/sentiment/001")
    assert status(EXPERIMENT, ["evaluate", str(run)]) == 0
    measured = json.loads((run / "evaluation.json").read_text())
    assert measured["test"]["accuracy"] == 1.0
    assert set(measured["test"]) == {"nats", "accuracy", "seconds"}

    capsys.readouterr()
    assert status(EXPERIMENT, ["predict", str(run), "good thing"]) == 0
    out = capsys.readouterr().out
    assert "never seen in training: thing" in out
    assert float(out.split("p(1) = ")[1].split()[0]) > 0.5
    assert imread(run / "prediction.png").std() > 0

    other = shutil.copytree(run, run.with_name("other_data")) / "config.json"
    other.write_text(other.read_text().replace("sst2", "missing"))
    (shutil.copytree(run, run.with_name("unmeasured")) / "metrics.jsonl").write_text("")
    assert status(EXPERIMENT, ["errors", str(run), "--constraint", "params<=1e6"]) == 0
    out = capsys.readouterr().out
    assert "train 0.0000  dev 0.0000  test 0.0000" in out
    assert f"best within the constraints: {run.absolute()}" in "".join(out.splitlines())
    assert "other_data" not in out
    assert "unmeasured" not in out
    assert imread(run / "confusion.png").std() > 0
    assert imread(run / "reliability.png").std() > 0
    with (run / "mistakes.csv").open() as file:
        assert next(csv.reader(file))[-1] == "cause"


def test_a_bag_of_words_gives_both_reviews_of_an_order_pair_one_answer():
    flags = ["--smoke", "--steps", "2", "--evaluate-every", "2", "--model", "bag"]
    assert status(EXPERIMENT, [*flags, "--reviews", "200"]) == 0
    assert status(EXPERIMENT, ["evaluate", "runs/sentiment/001"]) == 0
    test = json.loads(Path("runs/sentiment/001/evaluation.json").read_text())["test"]
    assert {"length", "distance", "order", "position"} <= set(test)
    assert test["order"] == 0.5


@pytest.mark.parametrize("ngrams", [0, 20])
@pytest.mark.parametrize("kind", ["recurrent", "bag", "window", "unshared"])
def test_each_model_answers_in_two_classes(kind, ngrams):
    config = replace(Config(), model=kind, ngrams=ngrams, hidden=4, embedding=4)
    extras = {"vocabulary": {"symbols": ["<unk>", "good", "bad"]}, "classes": ["-", "+"]}
    judge, shape = model(config, extras, {}), (7, 3, 25) if ngrams else (7, 3)
    sequence = jax.ShapeDtypeStruct(shape, jnp.int32), jax.ShapeDtypeStruct(shape[:2], bool)
    made = {"x": Padded(*sequence)}
    found = jax.eval_shape(lambda x: judge.apply(judge.init(jax.random.key(0)), x), made)
    assert found.shape == (3, 2)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--data", "missing"], "--data missing"),
        (["--cell", "tree", "--reviews", "50"], "--cell tree is unknown"),
        (["--pool", "median", "--reviews", "50"], "choose from last, mean, max, attention"),
        (["--vectors", "missing.txt", "--reviews", "50"], "there is no such file"),
        (["--data", "t.csv"], "has 3 classes, not 2: use python -m experiments.categories"),
        (["--vectors", "v.txt", "--reviews", "50"], "has 2 features: give --embedding 2"),
        (["--dropout", "1"], "--dropout and --smoothing must be"),
        (["--hidden", "0"], "must be 1 or more"),
    ],
)
def test_mistakes_get_one_line_and_leave_nothing(flags, told, capsys):
    Path("t.csv").write_text("text,label\n" + "".join(f"t{n},{n % 3}\n" for n in range(90)))
    Path("v.txt").write_text("good 1 2\nbad -1 -2\n")
    assert status(EXPERIMENT, flags) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not Path("runs").exists()
