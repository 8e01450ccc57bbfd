"""Ragged and padded sequences."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqmodels.data.ragged import pad, ragged, zero_where_masked


@given(st.lists(st.lists(st.integers(1, 99), max_size=6), min_size=1, max_size=5))
def test_padding_keeps_every_value_at_its_position(sequences):
    joined = ragged([np.array(sequence, np.int32) for sequence in sequences])
    rows = np.array([*range(len(sequences)), -1])
    values, mask = pad(joined, rows, 7)
    expected = np.zeros((7, len(rows)), np.int32)
    for column, sequence in enumerate(sequences):
        expected[: len(sequence), column] = sequence
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(mask, expected > 0)
    assert values.dtype == np.int32


def test_features_follow_time_and_batch():
    joined = ragged([np.ones((2, 3), np.float32), np.full((4, 3), 2.0, np.float32)])
    values, mask = pad(joined, np.array([1, 0]), 4)
    assert values.shape == (4, 2, 3)
    np.testing.assert_array_equal(values[:, 0], np.full((4, 3), 2.0))
    np.testing.assert_array_equal(mask[:, 1], [True, True, False, False])


def test_no_sequences_and_empty_sequences():
    assert len(ragged([]).lengths) == 0
    assert not pad(ragged([np.zeros(0, np.int32)]), np.array([0, -1]), 1).mask.any()


def test_an_array_is_a_view_and_equals_its_list():
    array = np.arange(24, dtype=np.float32).reshape(3, 4, 2)
    joined, listed = ragged(array), ragged(list(array))
    np.testing.assert_array_equal(joined.values, listed.values)
    np.testing.assert_array_equal(joined.offsets, listed.offsets)
    assert np.shares_memory(joined.values, array)
    np.testing.assert_array_equal(pad(joined, np.array([2, 0]), 4).values[:, 0], array[2])


def test_masked_values_are_zero_and_nan_is_gone():
    mask = np.array([[True, False], [False, True]])
    found = zero_where_masked(np.where(mask[..., None], 2.0, np.nan) + np.zeros((2, 2, 3)), mask)
    np.testing.assert_array_equal(found, 2.0 * np.stack([mask] * 3, axis=-1))
