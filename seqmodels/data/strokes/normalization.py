"""Normalization of handwriting: smooth, without slope and slant, of height one.

Positions are weighted by the length of the path, so that the result does not depend on how fast
the pen moved.

Graves et al. (2009), "A novel connectionist system for unconstrained handwriting recognition", with
moments instead of base lines, because a word is too short for a reliable base line.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from seqmodels.data.strokes.strokes import Ink, after_lift, clean, moves

STEEPEST = 0.5  # slopes and slants are limited to this tangent
SHORT = 4.0  # squared width, in heights, at which half of the slope is removed
FLATTEST = 0.1  # smallest height relative to the width, for a dash
PASSES = 2  # a rotated line is higher, so that the first pass removes too little
BAND = 12**0.5  # height of a uniform band of standard deviation one


@dataclass(frozen=True)
class Normalization:
    """What to remove from handwriting.

    smoothing: passes of a moving average over the points of each stroke
    slope:     rotate the regression line through the ink to the horizontal
    slant:     shear such that steep movements are upright on average
    """

    smoothing: int = 1
    slope: bool = True
    slant: bool = True


def normalize(ink: Ink, options: Normalization | None = None) -> Ink:
    """Return clean ink of height one, whose mean height is zero and which begins at x = 0.

    The height of handwriting is that of a band with the same variance of y, which depends less on
    single ascenders than the difference between the highest and the lowest point.
    """
    options = options or Normalization()
    ink = clean(ink)
    if len(ink.lifts) == 0:
        return ink
    for _ in range(options.smoothing):
        ink = smooth(ink)
    for _ in range(PASSES * options.slope):
        ink = rotate(ink, -float(np.arctan(slope(ink))))
    if options.slant:
        ink = shear(ink, -slant(ink))
    left = ink.points[:, 0].min()
    return ink._replace(points=(ink.points - [left, _mean(ink)[1]]).astype(np.float32) / size(ink))


def smooth(ink: Ink) -> Ink:
    """Return each point moved halfway to the mean of its neighbors; ends of strokes stay."""
    points = ink.points.copy()
    inner = np.flatnonzero(~after_lift(ink) & ~ink.lifts)
    points[inner] = (ink.points[inner - 1] + 2 * ink.points[inner] + ink.points[inner + 1]) / 4
    return ink._replace(points=points)


def slope(ink: Ink) -> float:
    """Return the slope of the regression line through the ink.

        slope = cov(x, y) / (var(x) + 4 height² / 12)

    The second term keeps the slope of a few letters small, in which ascenders at one end are more
    likely than a rotated line.
    """
    covariance = _covariance(ink)
    ridge = SHORT * covariance[1, 1]
    return _ratio(float(covariance[0, 1]), float(covariance[0, 0] + ridge))


def slant(ink: Ink) -> float:
    """Return the tangent of the angle between steep movements and the vertical."""
    step = moves(ink)[~after_lift(ink)]
    step = step[np.abs(step[:, 1]) > np.abs(step[:, 0])]
    weight = 1 / np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-9)
    product, square = (weight * step[:, 1]) @ step
    return _ratio(float(product), float(square))


def size(ink: Ink) -> float:
    """Return the height of the handwriting, which is above zero."""
    deviations = np.sqrt(np.diag(_covariance(ink)))
    height = BAND * max(deviations[1], FLATTEST * deviations[0])
    return float(height) if height > 1e-9 else 1.0


def rotate(ink: Ink, angle: float) -> Ink:
    """Rotate counterclockwise by an angle in radians."""
    c, s = np.cos(angle), np.sin(angle)
    return ink._replace(points=ink.points @ np.array([[c, s], [-s, c]], np.float32))


def shear(ink: Ink, tangent: float) -> Ink:
    """Move points to the right in proportion to their height."""
    return ink._replace(points=ink.points @ np.array([[1, 0], [tangent, 1]], np.float32))


def _weights(ink: Ink) -> Float[np.ndarray, "N"]:
    """Return for each point half the length of the path that meets there."""
    step = moves(ink)
    length = np.where(after_lift(ink), 0.0, np.hypot(step[:, 0], step[:, 1]))
    weight = length + np.append(length[1:], 0.0)
    return weight / weight.sum() if weight.any() else np.full(len(weight), 1 / len(weight))


def _mean(ink: Ink) -> Float[np.ndarray, "2"]:
    return _weights(ink) @ ink.points


def _covariance(ink: Ink) -> Float[np.ndarray, "2 2"]:
    weight = _weights(ink)
    centered = ink.points - weight @ ink.points
    return (centered * weight[:, None]).T @ centered


def _ratio(product: float, square: float) -> float:
    return float(np.clip(product / square, -STEEPEST, STEEPEST)) if square > 0 else 0.0
