"""The reader of UniPen's npz and tsv files."""

import numpy as np
import pytest

from seqmodels.data.strokes.strokes import split_strokes
from seqmodels.data.strokes.unipen import is_unipen, read_unipen, read_unipen_samples
from seqmodels.errors import UserError

WORDS = [[[[0, 0], [3, 4], [3, 9]], [[5, 5], [6, -2]]], [[[0, 0], [1, 1]]]]


def write(folder, words=WORDS, rows=("cee\tw1\tto", "abc\tw2\tI"), name="words"):
    """Write a pair of files."""
    points = [np.concatenate(strokes) for strokes in words]
    steps = [np.diff(item, axis=0, prepend=item[:1]) for item in points]
    ends = [np.arange(len(s)) == len(s) - 1 for strokes in words for s in strokes]
    arrays = {
        "offsets": np.cumsum([0, *map(len, points)]),
        "dx": np.concatenate(steps)[:, 0].astype(np.int16),
        "dy": np.concatenate(steps)[:, 1].astype(np.int16),
        "end_of_stroke": np.packbits(np.concatenate(ends)),
    }
    np.savez(folder / f"{name}.npz", **arrays)
    (folder / f"{name}.tsv").write_text("\n".join(rows))
    return arrays


@pytest.mark.parametrize("name", ["", "words.npz", "words.tsv"])
def test_words_are_read_by_any_of_their_paths(name, tmp_path):
    write(tmp_path)
    write(tmp_path, name="digits")
    assert is_unipen(tmp_path / name)
    first, second = read_unipen_samples(tmp_path / name)
    assert (first.text, first.writer, second.text) == ("to", "cee/w1", "I")
    for found, expected in zip(split_strokes(first.ink), WORDS[0], strict=True):
        np.testing.assert_array_equal(found, expected)


def test_writers_are_split(tmp_path):
    rows = [f"c\tw{n}\tx" for n in range(60)]
    write(tmp_path, WORDS[1:] * 60, rows)
    parts = read_unipen(tmp_path)
    assert sum(map(len, parts)) == 60
    assert len(parts.train) > len(parts.dev) > 0
    assert len(parts.test) > 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "is empty"),
        (("c\tw\ta",), "1 rows, but words.npz has 2"),
        (("c\tw\ta", "c w b"), "line 2: expected 'contributor<TAB>writer<TAB>label'"),
    ],
)
def test_faulty_tables_are_refused(rows, message, tmp_path):
    write(tmp_path, rows=rows)
    with pytest.raises(UserError, match=message):
        read_unipen(tmp_path)


def test_faulty_arrays_are_refused(tmp_path):
    arrays = write(tmp_path)
    np.savez(
        tmp_path / "words.npz", **(arrays | {"dx": arrays["dx"][:-1], "dy": arrays["dy"][:-1]})
    )
    with pytest.raises(UserError, match="lengths of its arrays"):
        read_unipen(tmp_path)
    np.savez(tmp_path / "words.npz", offsets=arrays["offsets"])
    with pytest.raises(UserError, match="is not an npz file with offsets, dx"):
        read_unipen(tmp_path)
    (tmp_path / "words.npz").write_bytes(b"")
    with pytest.raises(UserError, match="is not an npz file"):
        read_unipen(tmp_path)
    (tmp_path / "words.npz").unlink()
    with pytest.raises(UserError, match=r"give one \.npz file"):
        read_unipen(tmp_path)
    assert not is_unipen(tmp_path)
    with pytest.raises(UserError, match=r"there is no .*words\.npz"):
        read_unipen(tmp_path / "words.tsv")
