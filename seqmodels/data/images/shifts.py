"""Random shifts of images."""

import numpy as np

from seqmodels.data.augmentation import Augmentation
from seqmodels.data.batching import Batch


def random_shifts(maximum: int) -> Augmentation:
    """Return an augmentation that moves each image ``x`` by up to this many pixels.

    Each direction is drawn separately. Pixels that enter the frame are black.
    """

    def augment(batch: Batch, random: np.random.Generator) -> Batch:
        images = batch.fields["x"]
        assert isinstance(images, np.ndarray)
        count, height, width = images.shape
        padded = np.pad(images, ((0, 0), (maximum, maximum), (maximum, maximum)))
        down, right = random.integers(0, 2 * maximum + 1, (2, count, 1))
        rows, columns = down + np.arange(height), right + np.arange(width)
        moved = padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None]]
        return batch._replace(fields=batch.fields | {"x": moved})

    return augment
