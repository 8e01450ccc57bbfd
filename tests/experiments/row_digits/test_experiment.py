"""Row digits from the command line, on the bundled images and on MNIST's files."""

import json

import numpy as np
import pytest
from matplotlib.image import imread

from experiments.row_digits.experiment import EXPERIMENT
from seqmodels.cli import status


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Work in an empty folder; jax is already configured."""
    folder = tmp_path_factory.mktemp("row_digits")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("seqmodels.cli.prepare", lambda machine: None)
        yield folder


def idx(values):
    """Return the bytes of an idx file."""
    head = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
    return head + values.astype(np.uint8).tobytes()


def write_mnist(folder, side=4):
    """Write images in which one row is bright, whose index is the label."""
    folder.mkdir()
    for part, count in (("train", 120), ("t10k", 20)):
        labels = np.arange(count) % side
        pixels = 255 * (labels[:, None, None] == np.arange(side)[:, None]) + np.zeros((1, 1, side))
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(pixels))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    return str(folder)


@pytest.fixture(scope="module")
def run(folder):
    """A model trained on permuted pixels."""
    flags = ["--data", write_mnist(folder / "mnist"), "--order", "permuted", "--cell", "irnn"]
    flags += ["--hidden", "8", "--batch-size", "128", "--pool", "last", "--dropout", "0"]
    flags += ["--steps", "60", "--evaluate-every", "60", "--dispatch", "60"]
    assert status(EXPERIMENT, [*flags, "--learning-rate", "0.02"]) == 0
    return folder / "runs" / "row_digits" / "001"


def test_learns_mnist_files(run):
    assert status(EXPERIMENT, ["evaluate", str(run)]) == 0
    assert json.loads((run / "evaluation.json").read_text())["test"]["accuracy"] > 0.6


def test_errors_draws_the_confusion_matrix(run):
    assert status(EXPERIMENT, ["errors", str(run)]) == 0
    assert imread(run / "confusion.png").std() > 0


def test_predict_prints_the_label_and_draws(run, capsys):
    assert status(EXPERIMENT, ["predict", str(run), "5"]) == 0
    assert "label 1" in capsys.readouterr().out
    assert imread(run / "prediction.png").std() > 0
    assert status(EXPERIMENT, ["predict", str(run), "20"]) == 2
    assert "give a number from 0 to 19" in capsys.readouterr().err


def test_images_of_another_size_are_refused(run, folder, capsys):
    other = ["--data", write_mnist(folder / "other", side=5)]
    assert status(EXPERIMENT, ["evaluate", str(run), *other]) == 2
    assert "the images are 5 x 5, but the run was trained on 4 x 4" in capsys.readouterr().err


def test_a_negative_shift_is_refused(capsys):
    assert status(EXPERIMENT, ["--shift", "-1"]) == 2
    assert "--shift must be 0 or more" in capsys.readouterr().err


def test_bundled_digits_by_rows_with_shifts(capsys):
    flags = ["--smoke", "--steps", "4", "--evaluate-every", "4", "--dispatch", "4"]
    flags += ["--cell", "rnn", "--no-bidirectional", "--pool", "last"]  # compiles fastest
    assert status(EXPERIMENT, [*flags, "--shift", "1", "--batch-size", "128"]) == 0
    assert "nearest mean image" in capsys.readouterr().out
