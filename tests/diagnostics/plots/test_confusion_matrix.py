"""Confusion matrices."""

import numpy as np
from matplotlib.image import imread

from seqmodels.diagnostics.plots.confusion_matrix import draw_confusion_matrix


def test_the_picture_is_not_blank(tmp_path):
    labels, predictions = np.random.default_rng(0).integers(0, 3, (2, 400))
    draw_confusion_matrix(labels, predictions, ("cat", "dog", "owl"), tmp_path / "confusion.png")
    assert imread(tmp_path / "confusion.png").std() > 0.05
