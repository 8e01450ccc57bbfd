"""Handwriting drawn as an image."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from seqmodels.data.handwriting import Sample
from seqmodels.data.images.line_image import MARGIN
from seqmodels.data.strokes.normalization import Normalization, normalize
from seqmodels.data.strokes.strokes import Ink, split_strokes
from seqmodels.errors import UserError

FINE = 4  # pixels of the drawing per pixel of the result, in each direction
UNIT = 0.5  # height of normalized ink relative to the image
SHARP = 0.7  # cosine of the turn at a sharp corner
PEN = 0.06  # width of the pen relative to the image


def draw_samples(
    samples: Sequence[Sample],
    height: int,
    pen: float = PEN,
    normalization: Normalization | None = None,
) -> list[Sample]:
    """Return samples with an image of their ink, all with letters of about the same size."""
    options = normalization or Normalization(slope=False, slant=False)
    drawn = []
    for sample in samples:
        if sample.ink is None:
            raise UserError(f"{sample.name} has no strokes to draw")
        image = draw_ink(normalize(sample.ink, options), height, pen)
        drawn.append(sample._replace(ink=None, image=image))
    return drawn


def draw_ink(
    ink: Ink, height: int, pen: float = PEN, unit: float = UNIT
) -> Float[np.ndarray, "H W"]:
    """Draw normalized ink with antialiased lines.

    The mean height of the ink is in the middle of the image, if all of the ink then fits. Ink that
    is higher than the image is drawn smaller.

    pen:  width of the lines relative to the image's height
    unit: height of the handwriting relative to the image's height
    """
    if len(ink.lifts) == 0:
        return np.zeros((height, 1), np.float32)
    width = pen * height
    points = _place(ink.points, height, unit * height, MARGIN + width / 2)
    columns = int(np.ceil(points[:, 0].max() + MARGIN + width / 2))
    picture = Image.new("L", (FINE * columns, FINE * height))
    pencil = ImageDraw.Draw(picture)
    for stroke in split_strokes(ink._replace(points=points * FINE)):
        _draw_stroke(pencil, stroke, FINE * width)
    return np.asarray(picture.reduce(FINE), np.float32) / 255


def _place(
    points: Float[np.ndarray, "N 2"], height: int, unit: float, margin: float
) -> Float[np.ndarray, "N 2"]:
    """Return positions in pixels from the upper left corner of the image."""
    low, high = points[:, 1].min(), points[:, 1].max()
    room = height - 2 * margin
    unit = min(unit, room / max(high - low, 1e-9))
    middle = np.clip(height / 2, margin + unit * high, height - margin + unit * low)
    x = margin + unit * (points[:, 0] - points[:, 0].min())
    return np.stack([x, middle - unit * points[:, 1]], axis=1)


def _draw_stroke(
    pencil: ImageDraw.ImageDraw, stroke: Float[np.ndarray, "N 2"], width: float
) -> None:
    """Draw a line, with round ends and sharp corners."""
    pixels = max(1, round(width))
    if len(stroke) > 1:
        pencil.line([*map(tuple, stroke.tolist())], fill=255, width=pixels)
    step = np.diff(stroke, axis=0)
    is_sharp = (step[1:] * step[:-1]).sum(axis=1) < SHARP * np.prod(
        [np.hypot(*step[1:].T), np.hypot(*step[:-1].T)], axis=0
    )
    radius = pixels / 2
    for x, y in stroke[[0, *np.flatnonzero(is_sharp) + 1, -1]].tolist():
        pencil.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
