"""Images of lines as sequences of columns: features of each column, or its pixels.

Marti and Bunke (2001), "Using a statistical language model to improve the performance of an
HMM-based cursive handwriting recognition system", with features relative to the image's height.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float

from seqmodels.data.handwriting import Sample
from seqmodels.data.images.line_image import image_of, scale_to_height
from seqmodels.data.ragged import Ragged, ragged

FEATURES = ("density", "center", "spread", "top", "bottom", "transitions", "between")
HEIGHT = 32
BLACK = 0.5
FAINT = 0.1  # less is noise


def column_steps(height: int = HEIGHT, bands: int = 8) -> Callable[[Sequence[Sample]], Ragged]:
    """Return the features of the columns of samples as a function, for ``line_fields``."""

    def steps(samples: Sequence[Sample]) -> Ragged:
        images = (scale_to_height(image_of(sample), height) for sample in samples)
        return ragged([column_features(image, bands) for image in images])

    return steps


def pixel_steps(height: int = HEIGHT) -> Callable[[Sequence[Sample]], Ragged]:
    """Return the columns of pixels ``[T, height]`` of samples as a function."""

    def steps(samples: Sequence[Sample]) -> Ragged:
        images = (scale_to_height(image_of(sample), height) for sample in samples)
        return ragged([np.ascontiguousarray(image.T) for image in images])

    return steps


def column_features(
    image: Float[np.ndarray, "H W"], bands: int = 8
) -> Float[np.ndarray, "W features"]:
    """Return the features of each column, their derivatives, and the mean ink in bands of rows.

    ===========  ==========================================================================
    density      mean of the ink
    center       mean height of the ink, from 0 at the bottom to 1 at the top
    spread       standard deviation of the height of the ink
    top bottom   height of the highest and lowest black pixel
    transitions  number of changes from white to black, downward
    between      share of black pixels between top and bottom
    ===========  ==========================================================================

    Columns without ink have the positions of their nearest neighbors with ink.
    """
    shape = _shape_features(np.where(image > FAINT, image, 0))
    changes = np.gradient(shape, axis=0) if len(shape) > 1 else np.zeros_like(shape)
    parts = [shape, changes]
    if bands:
        rows = np.array_split(image, min(bands, len(image)))
        parts.append(np.stack([band.mean(axis=0) for band in rows], axis=1))
    return np.concatenate(parts, axis=1).astype(np.float32)


def _shape_features(image: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "W features"]:
    height = len(image)
    y = (height - 0.5 - np.arange(height)) / height
    mass = image.sum(axis=0)
    black = image >= BLACK
    count = black.sum(axis=0)
    share = image / np.where(mass > 0, mass, 1)
    center = y @ share
    spread = np.sqrt(np.maximum((y**2) @ share - center**2, 0))
    top = y[black.argmax(axis=0)]
    bottom = y[height - 1 - black[::-1].argmax(axis=0)]
    transitions = (np.diff(black.astype(int), axis=0, prepend=0) > 0).sum(axis=0)
    between = count / np.maximum(np.rint((top - bottom) * height) + 1, 1)
    has_ink, has_black = (np.asarray(total > 0) for total in (mass, count))
    positions = [_hold(center, has_ink), _hold(spread, has_ink)]
    positions += [_hold(top, has_black), _hold(bottom, has_black)]
    return np.stack([mass / height, *positions, transitions, between], axis=1)


def _hold(values: Float[np.ndarray, "W"], valid: Bool[np.ndarray, "W"]) -> Float[np.ndarray, "W"]:
    """Interpolate where values are not valid; without valid values, return 0.5."""
    if not valid.any():
        return np.full(len(values), 0.5)
    columns = np.arange(len(values))
    return np.interp(columns, columns[valid], values[valid])
