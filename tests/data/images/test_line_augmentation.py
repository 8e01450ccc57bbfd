"""Random distortions of images of lines."""

from dataclasses import replace

import numpy as np
import pytest

from seqmodels.data.batching import example_batches
from seqmodels.data.images.line_augmentation import (
    LineDistortion,
    distort_image,
    line_augmentation,
)
from seqmodels.data.ragged import ragged

NONE = LineDistortion(*[0.0] * 7)
BAR = np.zeros((21, 30), np.float32)
BAR[3:18, 14:16] = 1


def distorted(distortion, image=BAR, longest=100, count=30):
    """Return the image after distortions by several random numbers."""
    seeds = range(count)
    return [distort_image(image, distortion, np.random.default_rng(s), longest) for s in seeds]


def tangent(image):
    """Return the slant of a bar, from the regression of the columns of its ink on its rows."""
    rows, columns = np.indices(image.shape)
    weight = image / image.sum()
    y, x = ((axis - (weight * axis).sum()) for axis in (rows, columns))
    return -(weight * x * y).sum() / (weight * y * y).sum()


def test_nothing_changes_without_distortion():
    np.testing.assert_allclose(distorted(NONE, count=1)[0], BAR, atol=1e-6)


def test_slants_keep_all_ink_and_go_to_both_sides():
    images = distorted(replace(NONE, slant=0.4))
    tangents = [tangent(image) for image in images]
    assert min(tangents) < -0.2
    assert max(tangents) > 0.2
    assert max(map(abs, tangents)) < 0.45
    for image in images:
        assert image.sum() == pytest.approx(BAR.sum(), rel=0.02)
        assert image.shape[0] == 21


def test_stretch_changes_the_width_up_to_the_limit():
    widths = [image.shape[1] for image in distorted(replace(NONE, stretch=0.3))]
    assert 22 <= min(widths) < 28
    assert 33 < max(widths) <= 41
    limited = distorted(replace(NONE, stretch=0.3), longest=31)
    assert max(image.shape[1] for image in limited) == 31
    assert all(image[:, 3:-3].sum() > 20 for image in limited)


def test_shifts_move_rows():
    rows = np.arange(21)
    centers = [
        image.sum(axis=1) @ rows / image.sum() for image in distorted(replace(NONE, shift=0.1))
    ]
    assert 7.9 <= min(centers) < 9.5
    assert 10.5 < max(centers) <= 12.1


def test_thickness_dilates_and_erodes():
    sums = [image.sum() for image in distorted(replace(NONE, thickness=0.5), count=40)]
    assert min(sums) < 0.8 * BAR.sum()
    assert max(sums) > 1.5 * BAR.sum()
    fine = distorted(replace(NONE, thickness=0.0, noise=0.1))[0]
    assert 0.02 < fine[:, :10].std() < 0.1
    assert fine.min() >= 0
    assert fine.max() <= 1


def test_an_augmentation_rebuilds_columns_of_its_rows():
    images = [BAR, BAR[:, :20]]
    fields = {"x": ragged([image.T for image in images])}
    batch = example_batches(fields, 3, buckets=1).at(0, slice(None))
    same = line_augmentation(images, distortion=NONE)(batch, np.random.default_rng(0)).fields["x"]
    np.testing.assert_allclose(same.values, batch.fields["x"].values, atol=1e-6)
    wide = line_augmentation(images, distortion=LineDistortion(stretch=1.0))
    x = wide(batch, np.random.default_rng(0)).fields["x"]
    assert x.values.shape == same.values.shape
    assert not x.mask[:, 2].any()
    halves = line_augmentation(images, lambda image: image.T[:, ::3], NONE)
    assert halves(batch, np.random.default_rng(0)).fields["x"].values.shape == (30, 3, 7)
