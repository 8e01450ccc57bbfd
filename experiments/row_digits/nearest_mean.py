"""Nearest-mean classifier of images, the baseline."""

import numpy as np

from seqmodels.data.images.digits import Images


def nearest_mean_accuracy(train: Images, other: Images) -> float:
    """Return the accuracy on another split of the nearest mean image, ``min_c |x - m_c|^2``."""
    xs, others = (
        part.pixels.reshape(len(part.label), -1).astype(np.float32) for part in (train, other)
    )
    classes = np.unique(train.label)
    means = np.stack([xs[train.label == label].mean(axis=0) for label in classes])
    # |x|^2 is left out, because it is the same for all classes.
    distances = (means**2).sum(axis=1) - 2 * others @ means.T
    return float(np.mean(classes[distances.argmin(axis=1)] == other.label))
