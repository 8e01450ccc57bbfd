"""Random changes to images of lines, which leave their text unchanged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image

from seqmodels.data.augmentation import Augmentation
from seqmodels.data.handwriting import rebuild_inputs
from seqmodels.data.ragged import Ragged, ragged

Columns = Callable[[np.ndarray], np.ndarray]  # from an image [H, W] to steps [W, D]


@dataclass(frozen=True)
class LineDistortion:
    """Largest random changes; each is uniform between its negative and itself.

    slant:     tangent of the shear
    stretch:   logarithm of the width
    size:      logarithm of the height, around the middle
    shift:     rows, as a fraction of the height
    thickness: probability of a dilation by one pixel, and of an erosion
    contrast:  change of the exponent of the ink, whose logarithm is uniform
    noise:     standard deviation of the noise of each pixel
    """

    slant: float = 0.3
    stretch: float = 0.15
    size: float = 0.1
    shift: float = 0.06
    thickness: float = 0.15
    contrast: float = 0.3
    noise: float = 0.03


def line_augmentation(
    images: Sequence[np.ndarray],
    columns: Columns = np.transpose,
    distortion: LineDistortion | None = None,
) -> Augmentation:
    """Return an augmentation that replaces ``x`` by the columns of distorted images.

    images:  images of all training examples, in their order, at the height of the model's inputs
    columns: returns the steps of an image; by default its columns of pixels
    """
    options = distortion or LineDistortion()

    def rebuild(rows: np.ndarray, random: np.random.Generator, length: int) -> Ragged:
        distorted = (distort_image(images[row], options, random, length) for row in rows)
        return ragged([columns(image) for image in distorted])

    return rebuild_inputs(rebuild)


def distort_image(
    image: Float[np.ndarray, "H W"],
    distortion: LineDistortion,
    random: np.random.Generator,
    longest: int,
) -> Float[np.ndarray, "H columns"]:
    """Return the image after random changes, with its height and at most ``longest`` columns."""
    image = _transform(image, distortion, random, longest)
    image = _change_thickness(image, distortion.thickness, random)
    exponent = np.exp(distortion.contrast * random.uniform(-1, 1))
    noise = distortion.noise * random.standard_normal(image.shape, np.float32)
    return np.clip(image**exponent + noise, 0, 1).astype(np.float32)


def _transform(
    image: Float[np.ndarray, "H W"],
    distortion: LineDistortion,
    random: np.random.Generator,
    longest: int,
) -> Float[np.ndarray, "H columns"]:
    """Shear, scale and shift, and widen the frame such that no ink leaves it sideways."""
    height, width = image.shape
    slant, stretch, size, shift = random.uniform(-1, 1, 4) * [
        distortion.slant,
        distortion.stretch,
        distortion.size,
        distortion.shift,
    ]
    scale_x, scale_y = np.exp(stretch), np.exp(size)
    overhang = abs(slant) * height / 2
    columns = width * scale_x + 2 * overhang
    scale_x *= min(1, longest / columns)
    new_width = max(1, min(longest, round(columns)))
    middle = height / 2
    # Pillow asks where the pixel (x, y) of the result comes from.
    to_x = (1 / scale_x, slant / scale_x)
    to_y = 1 / scale_y
    matrix = (
        *to_x,
        width / 2 - to_x[0] * new_width / 2 - to_x[1] * middle,
        0,
        to_y,
        middle - to_y * (middle + shift * height),
    )
    picture = Image.fromarray(image)
    changed = picture.transform(
        (new_width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    )
    return np.clip(np.asarray(changed, np.float32), 0, 1)


def _change_thickness(
    image: Float[np.ndarray, "H W"], probability: float, random: np.random.Generator
) -> Float[np.ndarray, "H W"]:
    """Blend with the maximum or minimum over each pixel and its four neighbors."""
    draw, share = random.uniform(size=2)
    if draw >= 2 * probability:
        return image
    extreme = np.maximum if draw < probability else np.minimum
    padded = np.pad(image, 1, mode="edge")
    changed = extreme(image, extreme(padded[:-2, 1:-1], padded[2:, 1:-1]))
    changed = extreme(changed, extreme(padded[1:-1, :-2], padded[1:-1, 2:]))
    return image + np.float32(share) * (changed - image)
