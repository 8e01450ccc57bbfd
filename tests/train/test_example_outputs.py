"""Outputs of all examples, in the order of the data."""

import numpy as np
import pytest

from seqmodels.train.example_outputs import examples_in_order
from seqmodels.types import Outputs


def test_examples_are_in_the_order_of_the_data_whatever_their_shape():
    rows = np.array([[4, 0], [3, -1]]), np.array([[2, 1, 5]])
    chunks = [
        Outputs({"x": np.tile(10.0 * r[..., None], size), "n": r}, r)
        for r, size in zip(rows, (2, 7), strict=True)
    ]
    found = examples_in_order("x", chunks)
    assert [int(example["n"]) for example in found] == [0, 1, 2, 3, 4, 5]
    assert [example["x"].tolist() for example in found[:2]] == [[0.0] * 2, [10.0] * 7]


def test_a_row_that_occurs_twice_is_named():
    chunk = Outputs(np.zeros((2, 2)), np.array([[0, 1], [2, 1]]))
    with pytest.raises(ValueError, match="'shape': row 1 occurs twice"):
        examples_in_order("shape", [chunk])
