"""Row digits from the command line, on the bundled images and on MNIST's files."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from experiments.row_digits.experiment import EXPERIMENT
from seqmodels.cli import status


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seqmodels.cli.prepare", lambda machine: None)  # jax is set up already


def idx(values):
    head = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
    return head + values.astype(np.uint8).tobytes()


def mnist(folder, side=4):
    """Images whose bright row is their label."""
    folder.mkdir()
    for part, count in (("train", 120), ("t10k", 20)):
        labels = np.arange(count) % side
        pixels = 255 * (labels[:, None, None] == np.arange(side)[:, None]) + np.zeros((1, 1, side))
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(pixels))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    return str(folder)


def test_files_of_mnist_go_through_every_command(tmp_path, capsys):
    flags = ["--data", mnist(tmp_path / "m"), "--hidden", "8", "--batch-size", "128", "--cell"]
    flags += ["irnn", "--steps", "60", "--evaluate-every", "60", "--dispatch", "60", "--order"]
    assert (
        status(
            EXPERIMENT,
            [*flags, "permuted", "--pool", "last", "--dropout", "0", "--learning-rate", "0.02"],
        )
        == 0
    )
    run = Path("runs/row_digits/001")
    assert status(EXPERIMENT, ["evaluate", str(run)]) == 0
    assert json.loads((run / "evaluation.json").read_text())["test"]["accuracy"] > 0.6
    assert status(EXPERIMENT, ["errors", str(run)]) == 0
    assert imread(run / "confusion.png").std() > 0
    capsys.readouterr()
    assert status(EXPERIMENT, ["predict", str(run), "5"]) == 0
    assert "label 1" in capsys.readouterr().out
    assert imread(run / "prediction.png").std() > 0
    assert status(EXPERIMENT, ["predict", str(run), "20"]) == 2
    assert "give a number from 0 to 19" in capsys.readouterr().err
    assert status(EXPERIMENT, ["--shift", "-1"]) == 2
    assert "--shift must be 0 or more" in capsys.readouterr().err
    other = ["--data", mnist(tmp_path / "other", side=5)]
    assert status(EXPERIMENT, ["evaluate", str(run), *other]) == 2
    assert "the images are not 4 x 4 as those of the run" in capsys.readouterr().err


def test_bundled_digits_by_rows_with_shifts(capsys):
    flags = ["--smoke", "--steps", "4", "--evaluate-every", "4", "--dispatch", "4"]
    assert status(EXPERIMENT, [*flags, "--shift", "1", "--batch-size", "128"]) == 0
    assert "the nearest mean image" in capsys.readouterr().out
