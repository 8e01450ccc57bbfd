"""Sentiment from the command line: every command, each model, real formats, and what goes wrong."""

import csv
import json
from pathlib import Path

import pytest
from matplotlib.image import imread

from experiments.sentiment import EXPERIMENT
from seqmodels.cli import status


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seqmodels.cli.prepare", lambda machine: None)  # jax is set up already


def sst2(folder, count=24):
    """Texts in which one word decides, in the format of SST-2."""
    folder.mkdir()
    for split in ("train", "dev", "test"):
        lines = [f"a {['bad', 'good'][n % 2]} film number {n}\t{n % 2}" for n in range(count)]
        (folder / f"{split}.tsv").write_text("\n".join(lines))
    return str(folder)


FLAGS = ["--hidden", "8", "--embedding", "8", "--evaluate-every", "30", "--dispatch", "30"]


def test_learns_a_folder_and_answers_every_command(tmp_path, capsys):
    train = ["--data", sst2(tmp_path / "sst2"), "--steps", "60", "--learning-rate", "0.03", *FLAGS]
    assert status(EXPERIMENT, [*train, "--cell", "gru", "--min-count", "1"]) == 0
    run = Path("runs/sentiment/001")
    assert status(EXPERIMENT, ["evaluate", str(run)]) == 0
    measured = json.loads((run / "evaluation.json").read_text())
    assert measured["test"]["accuracy"] == 1.0
    assert set(measured["test"]) == {"nats", "accuracy", "seconds"}

    for text, likely in (("a good thing", True), ("a bad thing", False)):
        capsys.readouterr()
        assert status(EXPERIMENT, ["predict", str(run), text]) == 0
        out = capsys.readouterr().out
        assert "never seen in training: thing" in out
        assert (float(out.split("p(1) = ")[1].split()[0]) > 0.5) == likely
    assert imread(run / "prediction.png").std() > 0

    assert status(EXPERIMENT, ["errors", str(run), "--constraint", "params<=1e6"]) == 0
    out = capsys.readouterr().out
    assert "train 0.0000  dev 0.0000  test 0.0000" in out
    assert f"best within the constraints: {run.absolute()}" in "".join(out.splitlines())
    assert imread(run / "confusion.png").std() > 0
    assert imread(run / "reliability.png").std() > 0
    with (run / "mistakes.csv").open() as file:
        assert next(csv.reader(file))[-1] == "cause"
    assert status(EXPERIMENT, ["errors", str(run), "--constraint", "params<=1"]) == 2


@pytest.mark.parametrize("kind", ["bag", "window", "unshared"])
def test_baselines_run_on_made_up_reviews(kind, capsys):
    flags = ["--smoke", "--steps", "4", "--evaluate-every", "4", "--places", "8"]
    assert status(EXPERIMENT, [*flags, "--model", kind, "--reviews", "200"]) == 0
    assert status(EXPERIMENT, ["evaluate", "runs/sentiment/001"]) == 0
    test = json.loads(Path("runs/sentiment/001/evaluation.json").read_text())["test"]
    assert {"length", "distance", "order", "position"} <= set(test)
    if kind == "bag":
        assert test["order"] == 0.5  # both of a pair get one answer


def test_vectors_from_outside_are_where_training_begins(tmp_path):
    """With a learning rate of zero the embedding of the run is the file's."""
    import jax
    import numpy as np

    from seqmodels.train.experiment import load_run

    (tmp_path / "v.txt").write_text("good 1 2\nbad -1 -2\n")
    data = ["--data", sst2(tmp_path / "sst2"), "--min-count", "1", "--vectors", "v.txt"]
    few = ["--hidden", "4", "--steps", "1", "--learning-rate", "0"]
    assert status(EXPERIMENT, [*data, *few, "--embedding", "3"]) == 2
    assert status(EXPERIMENT, [*data, *few, "--embedding", "2"]) == 0
    (tmp_path / "v.txt").unlink()
    run = load_run(EXPERIMENT, "runs/sentiment/001")
    symbols = run.extras["vocabulary"]["symbols"]
    table = jax.device_get(run.params["embedding"]["embedding"])
    good, bad = table[symbols.index("good")], table[symbols.index("bad")]
    np.testing.assert_allclose(good, -bad, rtol=1e-6)
    np.testing.assert_allclose(good[1] / good[0], 2.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--data", "missing"], "--data missing"),
        (["--cell", "tree", "--reviews", "50"], "--cell tree is unknown"),
        (["--pool", "median", "--reviews", "50"], "choose from last, mean, max, attention"),
        (["--vectors", "missing.txt", "--reviews", "50"], "there is no such file"),
    ],
)
def test_mistakes_get_one_line_and_leave_nothing(flags, told, capsys):
    assert status(EXPERIMENT, flags) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not Path("runs").exists()


def test_three_classes_belong_elsewhere(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("text,label\n" + "".join(f"t{n},{n % 3}\n" for n in range(90)))
    assert status(EXPERIMENT, ["--data", "t.csv"]) == 2
    assert "has 3 classes, not 2: use python -m experiments.categories" in capsys.readouterr().err
