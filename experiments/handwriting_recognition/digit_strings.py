"""Strings of real handwritten digits: scikit-learn's, or MNIST's files.

Each digit is cropped, scaled and moved at random, and the line is slanted and gets noise. The
digits are split into train, dev and test before strings are composed, so that no picture of a digit
is in two splits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

from seqmodels.data.handwriting import Sample
from seqmodels.data.images.digits import Images, read_mnist, sklearn_digits
from seqmodels.data.images.line_image import crop
from seqmodels.data.splits import Splits


@dataclass(frozen=True)
class StringStyle:
    """How digits are composed to strings; lengths are relative to the height of the line.

    height:   rows of the image
    digits:   smallest and largest number of digits
    size:     smallest and largest height of a digit
    spacing:  smallest and largest gap between digits; below zero they may touch
    slant:    largest tangent of the slant of a line, to either side
    shift:    largest share of the free rows that a digit moves, up or down
    noise:    standard deviation of the noise of the pixels
    contrast: smallest darkness of the ink
    """

    height: int = 24
    digits: tuple[int, int] = (3, 7)
    size: tuple[float, float] = (0.6, 0.8)
    spacing: tuple[float, float] = (-0.04, 0.25)
    slant: float = 0.3
    shift: float = 0.6
    noise: float = 0.06
    contrast: float = 0.6


def digit_strings(count: int = 3000, seed: int = 0, style: StringStyle | None = None) -> Splits:
    """Return strings of scikit-learn's digits: ``count`` for train, an eighth for dev and test."""
    return _compose_splits(sklearn_digits(), count, seed, style or StringStyle())


def mnist_strings(
    folder: str | Path, count: int = 20_000, seed: int = 0, style: StringStyle | None = None
) -> Splits:
    """Return strings of the digits in MNIST's files."""
    return _compose_splits(read_mnist(folder), count, seed, style or StringStyle(height=32))


def _compose_splits(parts: Splits, count: int, seed: int, style: StringStyle) -> Splits:
    counts = (count, max(1, count // 8), max(1, count // 8))
    return Splits(
        *(
            compose_strings(images, size, np.random.default_rng([seed, part]), style)
            for part, (images, size) in enumerate(zip(parts, counts, strict=True))
        )
    )


def compose_strings(
    images: Images, count: int, random: np.random.Generator, style: StringStyle
) -> list[Sample]:
    """Return lines of random digits."""
    digits = [crop(pixels.astype(np.float32) / 255) for pixels in images.pixels]
    samples = []
    for number in range(count):
        length = random.integers(style.digits[0], style.digits[1], endpoint=True)
        rows = random.integers(0, len(digits), length)
        image = compose_line([digits[row] for row in rows], random, style)
        text = "".join(str(label) for label in images.label[rows])
        samples.append(Sample(text, "", None, image, f"string {number + 1}"))
    return samples


def compose_line(
    digits: Sequence[np.ndarray], random: np.random.Generator, style: StringStyle
) -> Float[np.ndarray, "H W"]:
    """Return one line of digits from left to right."""
    height, size = style.height, random.uniform(*style.size)
    slant = style.slant * random.uniform(-1, 1)
    scaled = [_scale(digit, height * size * random.uniform(0.9, 1.1), height) for digit in digits]
    gaps = np.rint(height * random.uniform(*style.spacing, len(digits))).astype(int)
    lefts = np.cumsum([0, *(d.shape[1] + g for d, g in zip(scaled[:-1], gaps[:-1], strict=True))])
    edge = int(np.ceil(abs(slant) * height / 2)) + 1
    lefts = lefts - lefts.min() + edge
    width = max(left + digit.shape[1] for left, digit in zip(lefts, scaled, strict=True)) + edge
    line = np.zeros((height, width), np.float32)
    for digit, left in zip(scaled, lefts, strict=True):
        free = height - digit.shape[0]
        top = round(free / 2 * (1 + style.shift * random.uniform(-1, 1)))
        frame = line[top : top + digit.shape[0], left : left + digit.shape[1]]
        np.maximum(frame, digit, out=frame)
    line = _shear(line, slant) * random.uniform(style.contrast, 1)
    noise = style.noise * random.standard_normal(line.shape, np.float32)
    return np.clip(line + noise, 0, 1).astype(np.float32)


def _scale(
    digit: Float[np.ndarray, "h w"], rows: float, limit: int
) -> Float[np.ndarray, "height width"]:
    """Return the digit at about this height, at most ``limit``."""
    height = min(round(rows), limit)
    width = max(2, round(digit.shape[1] * height / digit.shape[0]))
    picture = Image.fromarray(digit).resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(picture, np.float32), 0, 1)


def _shear(line: Float[np.ndarray, "H W"], tangent: float) -> Float[np.ndarray, "H W"]:
    """Move rows above the middle to the right in proportion to their height."""
    height, width = line.shape
    matrix = (1, tangent, -tangent * height / 2, 0, 1, 0)
    picture = Image.fromarray(line).transform(
        (width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    )
    return np.asarray(picture, np.float32)
