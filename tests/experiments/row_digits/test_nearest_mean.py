"""The nearest-mean baseline."""

import numpy as np

from experiments.row_digits.nearest_mean import nearest_mean_accuracy
from seqmodels.data.images.digits import Images, sklearn_digits


def test_constant_classes_are_separated():
    pixels = np.zeros((6, 2, 2), np.uint8)
    pixels[1::2, 0], pixels[::2, 1] = 200, 100
    images = Images(pixels, np.arange(6, dtype=np.int32) % 2)
    assert nearest_mean_accuracy(images, images) == 1.0
    assert nearest_mean_accuracy(images, images._replace(label=1 - images.label)) == 0.0


def test_most_digits_are_near_their_mean():
    parts = sklearn_digits()
    assert nearest_mean_accuracy(parts.train, parts.dev) > 0.8
