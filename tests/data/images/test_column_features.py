"""Features of the columns of a line."""

import numpy as np

from seqmodels.data.handwriting import Sample
from seqmodels.data.images.column_features import (
    FEATURES,
    column_features,
    column_steps,
    pixel_steps,
)

RANDOM = np.random.default_rng(0)


def brute_force(column):
    """Return the features of one column that contains black pixels, pixel by pixel."""
    height = len(column)
    total = weighted = 0.0
    rows = []
    transitions, before = 0, False
    for row, ink in enumerate(column):
        y = (height - row - 0.5) / height
        total, weighted = total + ink, weighted + ink * y
        if ink >= 0.5:
            rows.append(y)
            transitions += not before
        before = ink >= 0.5
    center = weighted / total
    squares = sum(
        ink * ((height - row - 0.5) / height - center) ** 2 for row, ink in enumerate(column)
    )
    extent = round((max(rows) - min(rows)) * height) + 1
    shape = (center, (squares / total) ** 0.5, max(rows), min(rows))
    return [total / height, *shape, transitions, len(rows) / extent]


def test_features_agree_with_a_loop_over_pixels():
    image = (RANDOM.random((12, 9)) * (RANDOM.random((12, 9)) < 0.7)).astype(np.float32)
    image[image < 0.1] = 0
    image[RANDOM.integers(0, 12, 9), np.arange(9)] = 0.8
    features = column_features(image, bands=4)
    count = len(FEATURES)
    expected = np.array([brute_force(column) for column in image.T])
    np.testing.assert_allclose(features[:, :count], expected, atol=1e-5)
    inner = (expected[2:] - expected[:-2]) / 2
    np.testing.assert_allclose(features[1:-1, count : 2 * count], inner, atol=1e-5)
    bands = image.reshape(4, 3, 9).mean(axis=1).T
    np.testing.assert_allclose(features[:, 2 * count :], bands, atol=1e-6)


def test_columns_without_ink_take_positions_from_their_neighbors():
    image = np.zeros((10, 5), np.float32)
    image[0, 0] = image[9, 4] = 1
    center = column_features(image)[:, FEATURES.index("center")]
    np.testing.assert_allclose(center, [0.95, 0.725, 0.5, 0.275, 0.05], atol=1e-5)
    empty = column_features(np.zeros((10, 1), np.float32), bands=0)
    assert empty.shape == (1, 2 * len(FEATURES))
    assert np.isfinite(empty).all()


def test_samples_become_columns_of_the_right_height():
    images = [RANDOM.random((20, width)).astype(np.float32) for width in (30, 8)]
    samples = [Sample("a", "", None, image) for image in images]
    pixels = pixel_steps(20)(samples)
    np.testing.assert_array_equal(pixels.values[:30], images[0].T)
    np.testing.assert_array_equal(pixels.lengths, [30, 8])
    assert pixel_steps(10)(samples).values.shape == (19, 10)
    features = column_steps(20)(samples)
    np.testing.assert_allclose(features.values[30:], column_features(images[1]), atol=1e-6)
