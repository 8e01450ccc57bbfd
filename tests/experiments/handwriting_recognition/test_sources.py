"""Formats of handwriting, recognized by their names."""

import json

import numpy as np
import pytest
from PIL import Image

from experiments.handwriting_recognition.sources import read_new_lines, read_source
from seqmodels.errors import UserError

XML = '<Set><Stroke><Point x="1" y="2"/><Point x="3" y="5"/></Stroke></Set>'


def write_unipen(folder):
    """Write one word."""
    arrays = {"offsets": np.array([0, 2]), "end_of_stroke": np.packbits([0, 1])}
    arrays |= {name: np.array([0, 3], np.int16) for name in ("dx", "dy")}
    np.savez(folder / "words.npz", **arrays)
    (folder / "words.tsv").write_text("c\tw\tit\n")


def write_pictures(folder):
    """Write a table of two pictures."""
    Image.fromarray(np.eye(12, dtype=np.uint8) * 255).save(folder / "a.png")
    (folder / "all.tsv").write_text("a.png\t12\na.png\t12\n")


def write_iam_ondb(folder):
    """Write one line."""
    for part in ("lineStrokes", "ascii"):
        (folder / part / "a" / "a-1").mkdir(parents=True)
    (folder / "lineStrokes" / "a" / "a-1" / "a-1z-01.xml").write_text(XML)
    (folder / "ascii" / "a" / "a-1" / "a-1z.txt").write_text("CSR:\nto stop\n")


def idx(values):
    """Return the bytes of an idx file."""
    head = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
    return head + values.astype(np.uint8).tobytes()


def write_mnist(folder):
    """Write images of zeros and ones."""
    for part in ("train", "t10k"):
        labels = np.arange(24) % 2
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(np.full((24, 9, 9), 255)))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))


@pytest.mark.parametrize(
    ("write", "characters"),
    [
        (write_unipen, "it"),
        (write_pictures, "12"),
        (write_iam_ondb, " opst"),
    ],
)
def test_each_format_is_recognized(write, characters, tmp_path):
    write(tmp_path)
    samples = [sample for part in read_source(tmp_path) for sample in part]
    assert set("".join(sample.text for sample in samples)) == set(characters)


def test_mnist_files_become_strings(tmp_path):
    write_mnist(tmp_path)
    parts = read_source(tmp_path, strings=16)
    assert [len(part) for part in parts] == [16, 2, 2]
    assert set("".join(sample.text for sample in parts.train)) == {"0", "1"}


def test_new_lines_need_no_text(tmp_path):
    write_unipen(tmp_path)
    write_pictures(tmp_path)
    (tmp_path / "ink.json").write_text(json.dumps({"strokes": [[[0, 0], [1, 2]]]}))
    (tmp_path / "line.xml").write_text(XML)
    for name, has_ink in (
        ("ink.json", True),
        ("line.xml", True),
        ("words.npz", True),
        ("a.png", False),
    ):
        (sample,) = read_new_lines(tmp_path / name)
        assert (sample.ink is not None) == has_ink
        assert (sample.image is None) == has_ink


def test_missing_paths_are_refused(tmp_path):
    with pytest.raises(UserError, match="there is no such file or folder"):
        read_source(tmp_path / "nothing")
    with pytest.raises(UserError, match="is not a file"):
        read_new_lines(tmp_path)
