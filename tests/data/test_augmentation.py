"""Random changes to training sequences."""

import numpy as np

from seqmodels.data.augmentation import gaussian_noise, random_window, sequence_augmentation
from seqmodels.data.batching import Batch
from seqmodels.data.ragged import pad, ragged


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
