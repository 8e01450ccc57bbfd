"""Random distortions of ink."""

from dataclasses import replace

import numpy as np

from seqmodels.data.batching import example_batches
from seqmodels.data.ragged import ragged
from seqmodels.data.strokes.augment import Distortion, distort, ink_augmentation
from seqmodels.data.strokes.features import ink_features
from seqmodels.data.strokes.strokes import ink_of_strokes, join, split_items

NONE = Distortion(*[0.0] * 6)
SQUARE = ink_of_strokes([np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]), np.array([[0.5, 0.5]])])


def distorted(distortion, items=50):
    """Return the points of many distorted squares."""
    inks = distort(join([SQUARE] * items), distortion, np.random.default_rng(1))
    return np.stack([ink.points for ink in split_items(inks)])


def test_nothing_changes_without_distortion():
    np.testing.assert_allclose(distorted(NONE)[7], SQUARE.points)


def test_each_item_gets_its_own_slant_within_bounds():
    points = distorted(replace(NONE, slant=0.3))
    np.testing.assert_allclose(points[..., 1], np.broadcast_to(SQUARE.points[:, 1], (50, 5)))
    tangents = points[:, 3, 0]
    assert np.abs(tangents).max() <= 0.3
    assert 0.1 < tangents.std() < 0.25


def test_rotation_keeps_lengths_and_scales_change_them():
    turned = distorted(replace(NONE, rotation=0.2))
    np.testing.assert_allclose(np.linalg.norm(turned[:, 2], axis=1), 2**0.5, rtol=1e-5)
    wide = distorted(replace(NONE, aspect=0.2))
    np.testing.assert_allclose(wide[:, 3], np.broadcast_to([0, 1], (50, 2)))
    assert 0.05 < np.log(wide[:, 1, 0]).std() < 0.2
    sized = distorted(replace(NONE, size=0.2))
    np.testing.assert_allclose(sized[:, 1, 0], sized[:, 3, 1])


def test_warps_are_smooth_and_jitter_is_not():
    line = ink_of_strokes([np.stack([np.linspace(0, 5, 500), np.zeros(500)], axis=1)])
    rough = []
    for distortion in (replace(NONE, warp=0.1), replace(NONE, jitter=0.1)):
        moved = distort(join([line]), distortion, np.random.default_rng(2)).ink.points - line.points
        assert 0.02 < np.abs(moved).max() <= 0.1
        rough.append(np.abs(np.diff(moved, axis=0)).max())
    assert rough[0] < 0.01 < rough[1]


def test_an_augmentation_rebuilds_the_features_of_its_rows():
    inks = [SQUARE, ink_of_strokes([np.array([[0.0, 0], [0, 2]])])]
    fields = {"x": ink_features(inks, 0.1), "label": ragged([np.array([1]), np.array([2])])}
    batch = example_batches(fields, 3, buckets=1).at(0, slice(None))
    same = ink_augmentation(inks, NONE, 0.1)(batch, np.random.default_rng(0)).fields["x"]
    np.testing.assert_array_equal(same.mask[:, 1:], batch.fields["x"].mask[:, 1:])
    np.testing.assert_allclose(same.values[:, 1], batch.fields["x"].values[:, 1], atol=1e-5)
    big = ink_augmentation(inks, Distortion(size=1.0), 0.1)
    for seed in range(5):
        x = big(batch, np.random.default_rng(seed)).fields["x"]
        assert x.values.shape == batch.fields["x"].values.shape
        assert not x.mask[:, 2].any()
        lifts = x.values[x.mask[:, 0].nonzero()[0], 0, 8]
        assert lifts[-1] == 1  # the end is not cut off
        assert lifts.sum() == 2
