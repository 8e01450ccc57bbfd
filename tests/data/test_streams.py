"""Windows of a text: order, targets, masks, resets, shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmodels.data.streams import evaluation_windows, training_windows
from seqmodels.errors import UserError

sizes = st.tuples(st.integers(1, 5), st.integers(1, 6))


def read(batches, epoch=0):
    """Return the windows of an epoch, joined along time."""
    steps = range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch)
    return [np.concatenate(part) for part in zip(*map(batches, steps), strict=True)]


@given(sizes, st.integers(0, 40), st.none() | st.integers(0, 5), st.integers(0, 2))
def test_training_streams_join_to_the_text(size, spare, seed, epoch):
    batch_size, length = size
    tokens = np.arange(batch_size * length * 2 + 1 + spare, dtype=np.int32)
    batches = training_windows(tokens, batch_size, length, seed=seed)
    inputs, targets, mask, _ = read(batches, epoch)
    np.testing.assert_array_equal(targets, inputs + 1)
    joined = inputs.T.ravel()
    np.testing.assert_array_equal(joined, joined[0] + np.arange(len(joined)))
    assert len(joined) > len(tokens) - 1 - batch_size * length
    assert joined[0] == 0 or seed is not None
    assert mask.all()


@given(sizes, st.integers(2, 60))
def test_evaluation_counts_every_token_once(size, count):
    tokens = np.arange(100, 100 + count, dtype=np.int32)
    inputs, targets, mask, resets = read(evaluation_windows(tokens, *size))
    np.testing.assert_array_equal(targets.T[mask.T], tokens[1:])
    np.testing.assert_array_equal(inputs.T[mask.T], tokens[:-1])
    assert not targets[~mask].any()
    assert resets[0].all()
    assert not resets[1:].any()


def test_streams_reset_only_at_the_start_of_an_epoch():
    batches = training_windows(np.arange(50), 2, 4, seed=0)
    resets = np.concatenate([batches(step).resets for step in range(2 * batches.steps_per_epoch)])
    expected = np.zeros_like(resets)
    expected[[0, 4 * batches.steps_per_epoch]] = True
    np.testing.assert_array_equal(resets, expected)


@given(st.lists(st.integers(0, 100), max_size=8))
def test_a_window_depends_only_on_its_step(steps):
    tokens = np.arange(91)
    used = training_windows(tokens, 3, 4, seed=7)
    for step in steps:
        fresh = training_windows(tokens, 3, 4, seed=7)(step)
        np.testing.assert_array_equal(used(step).inputs, fresh.inputs)


def test_epochs_begin_at_different_offsets():
    batches = training_windows(np.arange(1000), 3, 150, seed=0)
    offsets = {int(batches(epoch * batches.steps_per_epoch).inputs[0, 0]) for epoch in range(5)}
    assert len(offsets) > 1


def test_all_windows_have_the_same_shapes_and_types():
    tokens = np.arange(20, dtype=np.int32)
    for batches in (training_windows(tokens, 2, 3), evaluation_windows(tokens, 2, 3)):
        for step in range(batches.steps_per_epoch):
            assert [part.shape for part in batches(step)] == [(3, 2)] * 4
            assert [part.dtype for part in batches(step)] == [np.int32, np.int32, bool, bool]


def test_a_text_that_is_too_short_is_reported_by_name():
    with pytest.raises(UserError, match=r"poem\.txt has 12 symbols and one batch needs 13 "):
        training_windows(np.arange(12), 3, 4, name="poem.txt")
    assert training_windows(np.arange(13), 3, 4).steps_per_epoch == 1
    with pytest.raises(UserError, match=r"poem\.txt has 1 symbols"):
        evaluation_windows(np.arange(1), 3, 4, name="poem.txt")
    with pytest.raises(UserError, match="must be 1 or more"):
        training_windows(np.arange(12), 0, 4)


@pytest.mark.parametrize("make", [training_windows, evaluation_windows])
def test_a_real_valued_series_is_cut_like_a_text(make):
    """Column d of the series is the token plus d, so each column must equal the text's windows."""
    tokens = np.arange(1, 24, dtype=np.float32)
    series = tokens[:, None] + np.arange(3, dtype=np.float32)
    text, values = make(tokens, 3, 2), make(series, 3, 2)
    assert text.steps_per_epoch == values.steps_per_epoch
    for step in range(text.steps_per_epoch):
        expected, found = text(step), values(step)
        np.testing.assert_array_equal(found.mask, expected.mask)
        np.testing.assert_array_equal(found.resets, expected.resets)
        columns = expected.mask[..., None] * np.arange(3, dtype=np.float32)
        np.testing.assert_array_equal(found.inputs, expected.inputs[..., None] + columns)
        np.testing.assert_array_equal(found.targets, expected.targets[..., None] + columns)
        assert found.inputs.dtype == np.float32
    with pytest.raises(UserError, match="the sensor has 1 steps"):
        make(series[:1], 3, 2, name="the sensor")
