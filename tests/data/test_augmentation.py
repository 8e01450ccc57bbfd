"""Random changes to training sequences."""

from functools import partial

import numpy as np
import pytest

from seqmodels.data.augmentation import (
    compose,
    gaussian_noise,
    random_window,
    row_augmentation,
    sequence_augmentation,
    stretch_time,
)
from seqmodels.data.batching import Batch
from seqmodels.data.ragged import Padded, pad, ragged
from seqmodels.errors import UserError


def make_batch(lengths=(1, 5, 9), rows=(0, 1, 2, -1)):
    """Return sequences whose first feature is 100 * sequence + step."""
    sequences = [
        np.stack([100.0 * n + np.arange(length), np.ones(length)], axis=1).astype(np.float32)
        for n, length in enumerate(lengths)
    ]
    rows = np.array(rows)
    x = pad(ragged(sequences), rows, 9)
    return Batch({"x": x, "label": rows}, rows, (rows >= 0).astype(np.float32))


def test_windows_are_consecutive_and_long_enough():
    batch, random = make_batch((8, 9, 9), (0, 1, 2, -1)), np.random.default_rng(0)
    augment, seen = sequence_augmentation(random_window(0.5)), set()
    for _ in range(50):
        changed = augment(batch, random)
        x = changed.fields["x"]
        lengths = x.mask.sum(axis=0)
        assert lengths[3] == 0
        assert (lengths[:3] >= (4, 5, 5)).all()
        assert (x.mask == (np.arange(9)[:, None] < lengths)).all()
        assert (x.values[~x.mask] == 0).all()
        for row in range(3):
            steps = x.values[: lengths[row], row, 0] - 100 * row
            np.testing.assert_array_equal(np.diff(steps), 1)
            assert 0 <= steps[0] <= steps[-1] < batch.fields["x"].mask[:, row].sum()
            seen.add((row, steps[0], steps[-1]))
        np.testing.assert_array_equal(changed.fields["label"], batch.fields["label"])
    assert {(0, 0.0, 7.0), (1, 0.0, 8.0)} & seen
    assert len(seen) > 20


def test_a_window_of_everything_changes_nothing():
    batch = make_batch()
    augment = sequence_augmentation(random_window(1.0))
    x, same = batch.fields["x"], augment(batch, np.random.default_rng(0)).fields["x"]
    np.testing.assert_array_equal(same.values, x.values)
    np.testing.assert_array_equal(same.mask, x.mask)


def test_noise_has_its_deviation_and_leaves_padding_alone():
    rows, random = np.array([0, 1]), np.random.default_rng(0)
    x = pad(ragged([np.zeros((1000, 3), np.float32), np.zeros((900, 3), np.float32)]), rows, 1000)
    augment = sequence_augmentation(gaussian_noise(0.3))
    noisy = augment(make_batch()._replace(fields={"x": x}), random).fields["x"]
    assert noisy.values.dtype == np.float32
    assert (noisy.values[900:, 1] == 0).all()
    np.testing.assert_allclose(noisy.values[:900].std(), 0.3, rtol=0.03)


def make_notes():
    """Return melodies, whose targets are the next notes, and their keys."""
    rows = np.array([0, 1, -1])
    melodies = [np.array([60, 64, 67, 72], np.int32), np.array([50, 53], np.int32)]
    fields = {
        "x": pad(ragged([notes[:-1] for notes in melodies]), rows, 3),
        "y": pad(ragged([notes[1:] for notes in melodies]), rows, 3),
        "key": np.array([0, 2, 0], np.int32),
    }
    return Batch(fields, rows, (rows >= 0).astype(np.float32))


def transpose(notes, interval):
    return Padded(np.where(notes.mask, notes.values + interval, notes.values), notes.mask)


TRANSPOSITION = row_augmentation(
    lambda random, rows: random.integers(-6, 7, rows, np.int32),
    {"x": transpose, "y": transpose, "key": lambda key, interval: (key + interval) % 12},
    record="transposition",
)


def test_a_transposition_changes_inputs_targets_and_key_alike_and_is_recorded():
    batch, seen = make_notes(), set()
    for seed in range(20):
        changed = TRANSPOSITION(batch, np.random.default_rng(seed))
        interval = changed.fields["transposition"]
        seen |= set(interval.tolist())
        for name in ("x", "y"):
            before, after = batch.fields[name], changed.fields[name]
            expected = (before.values + interval) * before.mask
            np.testing.assert_array_equal(after.values, expected)
            np.testing.assert_array_equal(after.mask, before.mask)
        np.testing.assert_array_equal(changed.fields["key"], (batch.fields["key"] + interval) % 12)
    assert seen == set(range(-6, 7))
    assert "transposition" not in batch.fields


def test_time_is_stretched_as_by_interpolation():
    lengths, speed = (1, 5, 9, 7), np.array([0.5, 1.7, 0.8, 1.0])
    rows = np.array([0, 1, 2, 3])
    random = np.random.default_rng(0)
    real = [random.normal(size=(length, 2)).astype(np.float32) for length in lengths]
    labels = [random.integers(0, 9, length) for length in lengths]
    x = stretch_time(pad(ragged(real), rows, 9), speed, slowest=0.5)
    y = stretch_time(pad(ragged(labels), rows, 9), speed, slowest=0.5)
    np.testing.assert_array_equal(x.mask, y.mask)
    assert x.mask.shape == (18, 4)
    assert x.values.dtype == np.float32
    for row, length in enumerate(lengths):
        count = int(x.mask[:, row].sum())
        assert count == np.ceil(length / speed[row])
        time = np.arange(count) * speed[row]
        for feature in range(2):
            expected = np.interp(time, np.arange(length), real[row][:, feature])
            found = x.values[:count, row, feature]
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        nearest = np.abs(np.arange(length)[:, None] - np.minimum(time, length - 1)).min(axis=0)
        positions = np.rint(np.minimum(time, length - 1)).astype(int)
        np.testing.assert_array_equal(y.values[:count, row], labels[row][positions])
        assert (nearest <= 0.5).all()
        assert not x.values[count:, row].any()
    with pytest.raises(UserError, match=r"a speed of 0.5 is below slowest=0.8"):
        stretch_time(x, speed, slowest=0.8)


def test_augmentations_are_composed_in_order_and_draw_once_per_row():
    speeds = row_augmentation(
        lambda random, rows: random.uniform(0.5, 2.0, rows),
        {name: partial(stretch_time, slowest=0.5) for name in ("x", "y")},
        record="speed",
    )
    batch = make_notes()
    changed = compose(speeds, TRANSPOSITION)(batch, np.random.default_rng(0))
    random = np.random.default_rng(0)
    expected = TRANSPOSITION(speeds(batch, random), random)
    for name in ("x", "y"):
        np.testing.assert_array_equal(changed.fields[name].values, expected.fields[name].values)
    np.testing.assert_array_equal(changed.fields["x"].mask, changed.fields["y"].mask)
    lengths = np.ceil(batch.fields["x"].mask.sum(0) / changed.fields["speed"])
    np.testing.assert_array_equal(changed.fields["x"].mask.sum(0), lengths)
    assert {*changed.fields} == {"x", "y", "key", "speed", "transposition"}


def test_named_sequences_are_changed_and_others_are_not():
    batch = make_batch()
    batch.fields["z"] = batch.fields["x"]
    augment = sequence_augmentation(gaussian_noise(1.0), fields=("z",))
    fields = augment(batch, np.random.default_rng(0)).fields
    assert fields["x"] is batch.fields["x"]
    assert (fields["z"].values != batch.fields["z"].values)[batch.fields["z"].mask].all()


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (sequence_augmentation(fields=("label",)), "'label' is not ragged"),
        (sequence_augmentation(fields=("z",)), r"no field 'z' \(found: x, label\)"),
        (row_augmentation(lambda random, rows: np.zeros(rows), {}, "x"), "already has a field"),
    ],
)
def test_wrong_fields_are_refused(augment, message):
    with pytest.raises(UserError, match=message):
        augment(make_batch(), np.random.default_rng(0))
