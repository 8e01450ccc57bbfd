import gzip

import numpy as np
import pytest

from seqmodels.data.text.vectors import read_vectors, vector_size, write_vectors
from seqmodels.errors import UserError

INDEX = {"good": 2, "bad": 1, "and": 0}


@pytest.mark.parametrize("header", ["", "3 2\n"])
@pytest.mark.parametrize("name", ["glove.txt", "vectors.txt.gz"])
def test_only_vectors_of_known_words_are_read(header, name, tmp_path):
    text = (header + "good 1 2.5\nother 3 3\nbad -1 0\ngood 9 9\n").encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    found = read_vectors(tmp_path / name, INDEX)
    np.testing.assert_array_equal(found.rows, [2, 1])
    np.testing.assert_array_equal(found.values, [[1, 2.5], [-1, 0]])
    assert vector_size(tmp_path / name) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("good 1 2\nbad 1\n", "line 2: expected a word and 2 numbers"),
        ("no 1 2\n", "contains none of the data's words"),
    ],
)
def test_invalid_vectors_are_an_error(text, message, tmp_path):
    (tmp_path / "v.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        read_vectors(tmp_path / "v.txt", INDEX)


def test_written_vectors_can_be_read(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    write_vectors(tmp_path / "v.txt", ["bad", "good"], vectors)
    found = read_vectors(tmp_path / "v.txt", INDEX)
    np.testing.assert_array_equal(found.rows, [1, 2])
    np.testing.assert_array_equal(found.values, vectors)
    with pytest.raises(UserError, match="cannot write"):
        write_vectors(tmp_path / "missing" / "v.txt", ["bad", "good"], vectors)
