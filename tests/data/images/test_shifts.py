"""Random shifts of images."""

import numpy as np

from seqmodels.data.batching import Batch
from seqmodels.data.images.shifts import random_shifts


def test_each_image_is_shifted_separately_in_both_directions():
    images = np.zeros((200, 9, 8), np.uint8)
    images[:, 4, 3] = 7
    batch = Batch({"x": images, "label": np.zeros(200)}, np.arange(200), np.ones(200, np.float32))
    shifted = random_shifts(2)(batch, np.random.default_rng(1)).fields["x"]
    image, row, column = np.nonzero(shifted)
    np.testing.assert_array_equal(image, np.arange(200))
    assert set(row - 4) == set(column - 3) == {-2, -1, 0, 1, 2}
    assert (shifted.sum(axis=(1, 2)) == 7).all()


def test_pixels_that_leave_the_frame_are_lost():
    images = np.zeros((200, 9, 8), np.uint8)
    images[:, 0, 0] = 7
    batch = Batch({"x": images}, np.arange(200), np.ones(200, np.float32))
    shifted = random_shifts(1)(batch, np.random.default_rng(1)).fields["x"]
    assert set(shifted.sum(axis=(1, 2))) == {0, 7}
    assert not shifted[:, 2:].any()
