"""Random changes to light curves in training."""

import numpy as np
import pytest

from experiments.supernovae.augment import (
    add_noise,
    band_weights,
    drop_nights,
    end_after_detection,
    end_early,
    move_farther,
    signal_to_noise,
    training_augmentation,
)
from experiments.supernovae.light_curves import DAY, ERROR, FLUX, OBSERVED, REDSHIFT
from experiments.supernovae.simulate import simulate
from seqmodels.data.augmentation import sequence_augmentation
from seqmodels.data.batching import Batch
from seqmodels.data.ragged import pad


@pytest.fixture(scope="module")
def curves():
    return simulate(120)


def make_batch(curves, rows=(0, 1, 2, 3, 4, 5, 6, 7, -1)):
    rows = np.array(rows)
    x = pad(curves.nights, rows, int(curves.nights.lengths.max()))
    return Batch({"x": x}, rows, np.ones(len(rows), np.float32))


def apply(transform, batch):
    """Return the sequences of a batch before and after a transform."""
    changed = sequence_augmentation(transform)(batch, np.random.default_rng(0))
    return batch.fields["x"], changed.fields["x"]


def test_dropping_nights_keeps_their_order(curves):
    x, found = apply(drop_nights(0.8), make_batch(curves))
    lengths = found.mask.sum(axis=0)
    assert (lengths[:-1] >= 1).all()
    assert lengths[-1] == 0
    assert lengths.sum() < 0.9 * x.mask.sum()
    for row in range(8):
        before = {tuple(night) for night in x.values[x.mask[:, row], row]}
        after = found.values[found.mask[:, row], row]
        assert {tuple(night) for night in after} <= before
        assert (np.diff(after[:, DAY]) > 0).all()
    assert (found.values[~found.mask] == 0).all()


@pytest.mark.parametrize("transform", [end_early(0.2), end_after_detection(10.0)])
def test_an_early_end_keeps_the_beginning(transform, curves):
    x, found = apply(transform, make_batch(curves))
    assert (found.mask <= x.mask).all()
    assert (np.diff(found.mask.astype(int), axis=0) <= 0).all()
    assert found.mask.sum() < x.mask.sum()
    np.testing.assert_array_equal(found.values[found.mask], x.values[found.mask])


def test_days_count_from_the_first_detection(curves):
    x, found = apply(end_after_detection(10.0), make_batch(curves))
    for row in range(8):
        days = x.values[x.mask[:, row], row, DAY]
        is_bright = (signal_to_noise(x.values[:, row]) > 5).any(axis=1)
        first = days[is_bright[: len(days)]][0]
        np.testing.assert_array_equal(days <= first + 10, found.mask[: len(days), row])


def test_added_noise_has_the_added_variance(curves):
    x, found = apply(add_noise(3.0), make_batch(curves, np.arange(120)))
    observed = x.values[..., OBSERVED] > 0
    added = found.values[..., ERROR][observed] ** 2 - x.values[..., ERROR][observed] ** 2
    noise = (found.values[..., FLUX] - x.values[..., FLUX])[observed]
    assert (added >= -1e-3).all()
    np.testing.assert_allclose(np.mean(noise**2) / np.mean(added), 1.0, rtol=0.1)


def test_band_weights_are_exact_for_lines():
    np.testing.assert_allclose(band_weights(np.ones(1))[0], np.eye(4), atol=1e-12)
    ratio = np.array([1.05, 1.2, 1.4])
    known = np.log([480, 640, 780, 920])
    line = 3.0 - 2.0 * known
    expected = 3.0 - 2.0 * (known - np.log(ratio)[:, None])
    np.testing.assert_allclose(band_weights(ratio) @ line, expected)


def test_farther_curves_are_slower_and_fainter_and_have_the_larger_redshift(curves):
    x, found = apply(move_farther(0.3), make_batch(curves, np.arange(120)))
    np.testing.assert_array_equal(found.mask, x.mask)
    is_moved = found.values[0, :, REDSHIFT] > x.values[0, :, REDSHIFT]
    assert 10 < is_moved.sum() < 80
    np.testing.assert_array_equal(found.values[:, ~is_moved], x.values[:, ~is_moved])
    ratio = (1 + found.values[0, :, REDSHIFT]) / (1 + x.values[0, :, REDSHIFT])
    np.testing.assert_allclose(
        found.values[..., DAY], x.values[..., DAY] * ratio * x.mask, rtol=1e-4, atol=1e-4
    )
    before, after = (
        np.where(each.mask[..., None], each.values[..., FLUX], 0).sum((0, 2)) for each in (x, found)
    )
    assert np.median(after[is_moved] / before[is_moved]) < 0.8
    assert (signal_to_noise(found.values[:, is_moved]) > 5).any(axis=(0, 2)).all()


def test_inactive_augmentations_change_nothing(curves):
    batch = make_batch(curves)
    augment = training_augmentation(farther=0.0, fainter=1.0, thin=0.0, beginning=1.0)
    same = augment(batch, np.random.default_rng(0))
    np.testing.assert_array_equal(same.fields["x"].values, batch.fields["x"].values)
