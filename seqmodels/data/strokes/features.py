"""Handwriting as a sequence of equal steps along the path of the pen, with features of each step.

==============  ==============================================================================
right up        cosine and sine of the direction of the step
ahead left      cosine and sine of the turn since the previous step; (1, 0) in the first step
height          y at the end of the step
jump_x jump_y   move of the lifted pen, if the step begins a stroke; otherwise 0
begins ends     1 in the first step of a stroke; 1 in its last step
above below     distance to the highest and lowest ink of the line within half a height of x
==============  ==============================================================================

``above`` and ``below`` relate dots and strokes that were written later to the letters below them.

Graves et al. (2009), "A novel connectionist system for unconstrained handwriting recognition";
Jaeger et al. (2001), "Online handwriting recognition: the NPen++ recognizer".
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from seqmodels.data.handwriting import Sample
from seqmodels.data.ragged import Ragged
from seqmodels.data.strokes.normalization import normalize
from seqmodels.data.strokes.strokes import Ink, InkSet, after_lift, join, moves
from seqmodels.errors import UserError

FEATURES = (
    *("right", "up", "ahead", "left", "height"),
    *("jump_x", "jump_y", "begins", "ends", "above", "below"),
)
STEP = 1 / 8
NEAR = 0.5
LONGEST_JUMP = 3.0


def ink_steps(step: float = STEP) -> Callable[[Sequence[Sample]], Ragged]:
    """Return the features of samples as a function, for ``line_fields``.

    step: length of a step; the height of the writing is one
    """

    def steps(samples: Sequence[Sample]) -> Ragged:
        return ink_features(normalized_inks(samples), step)

    return steps


def normalized_inks(samples: Sequence[Sample]) -> list[Ink]:
    """Return the normalized ink of samples, which must have points."""
    inks = []
    for sample in samples:
        if sample.ink is None:
            raise UserError(f"{sample.name} is an image; strokes are needed (choose columns)")
        ink = normalize(sample.ink)
        if len(ink.lifts) == 0:
            raise UserError(f"{sample.name} ({sample.text!r}) has no points; remove it")
        inks.append(ink)
    return inks


def ink_features(
    inks: Sequence[Ink], step: float = STEP, limits: Int[np.ndarray, "items"] | None = None
) -> Ragged:
    """Return the features of normalized ink.

    limits: largest number of steps of each item, which gets longer steps if it has more
    """
    ink, offsets = resample(join(inks), step, limits)
    starts = after_lift(ink)
    first = np.zeros(len(starts), bool)
    first[offsets[:-1][np.diff(offsets) > 0]] = True
    move = np.where(first[:, None], 0.0, moves(ink))
    direction = _directions(move)
    turn = _turns(direction, starts)
    jump = np.clip(np.where(starts[:, None], move, 0.0), -LONGEST_JUMP, LONGEST_JUMP)
    flags = np.stack([starts, ink.lifts], axis=1)
    around = _above_and_below(ink.points, offsets)
    columns = [direction, turn, ink.points[:, 1:], jump, flags, around]
    return Ragged(np.concatenate(columns, axis=1).astype(np.float32), offsets)


def resample(
    inks: InkSet, step: float = STEP, limits: Int[np.ndarray, "items"] | None = None
) -> InkSet:
    """Return ink whose points have equal distances along the path of each stroke.

    The number of steps in a stroke is rounded, and the first and last points of strokes are kept.

    limits: largest number of points of each item, which gets longer steps if it has more; at least
            two per stroke
    """
    ink, items = inks.ink, len(inks.offsets) - 1
    if len(ink.lifts) == 0:
        return inks
    ends = np.flatnonzero(ink.lifts)
    starts = np.flatnonzero(after_lift(ink))
    item = np.searchsorted(inks.offsets, starts, side="right") - 1
    # A distance of one between strokes keeps them apart on the axis that all of them share.
    distance = np.hypot(*moves(ink).T).astype(np.float64)
    position = np.cumsum(np.where(after_lift(ink), 1.0, distance))
    lengths = position[ends] - position[starts]
    counts = np.rint(lengths / _step_of_items(step, lengths, item, limits, items)[item])
    counts = np.maximum(counts, lengths > 0).astype(int)
    share = _shares(counts)
    wanted = np.repeat(position[starts], counts + 1) + share * np.repeat(lengths, counts + 1)
    points = [np.interp(wanted, position, axis) for axis in ink.points.T]
    lifts = np.zeros(len(wanted), bool)
    lifts[np.cumsum(counts + 1) - 1] = True
    sizes = np.bincount(item, counts + 1, items).astype(int)
    return InkSet(Ink(np.stack(points, axis=1).astype(np.float32), lifts), _offsets(sizes))


def _shares(counts: Int[np.ndarray, "strokes"]) -> Float[np.ndarray, "N"]:
    """Return 0, 1 / n, ..., 1 for each count n, and 0 for a count of zero."""
    first = np.repeat(_offsets(counts + 1)[:-1], counts + 1)
    return (np.arange(len(first)) - first) / np.repeat(np.maximum(counts, 1), counts + 1)


def _offsets(sizes: Int[np.ndarray, "N"]) -> Int[np.ndarray, "N_plus_one"]:
    return np.cumsum(np.append(0, sizes))


def _step_of_items(
    step: float,
    lengths: Float[np.ndarray, "strokes"],
    item: Int[np.ndarray, "strokes"],
    limits: Int[np.ndarray, "items"] | None,
    items: int,
) -> Float[np.ndarray, "items"]:
    """Return the length of a step of each item such that it has at most ``limits`` points.

    A stroke of length l has at most l / step + 2 points.
    """
    steps = np.full(items, step)
    if limits is None:
        return steps
    total = np.bincount(item, lengths, items)
    remaining = limits - 2 * np.bincount(item, minlength=items)
    return np.maximum(steps, total / np.maximum(remaining, 1e-3))


def _directions(move: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N 2"]:
    """Return moves of length one, or of length zero for points that do not move."""
    length = np.hypot(move[:, 0], move[:, 1])[:, None]
    return np.where(length > 0, move / np.where(length > 0, length, 1), 0)


def _turns(
    direction: Float[np.ndarray, "N 2"], starts: Bool[np.ndarray, "N"]
) -> Float[np.ndarray, "N 2"]:
    """Return cosine and sine of the angle between each direction and the previous one."""
    before = np.roll(direction, 1, axis=0)
    cosine = (before * direction).sum(axis=1)
    sine = before[:, 0] * direction[:, 1] - before[:, 1] * direction[:, 0]
    new = starts | np.roll(starts, 1)
    return np.where(new[:, None], [1.0, 0.0], np.stack([cosine, sine], axis=1))


def _above_and_below(
    points: Float[np.ndarray, "N 2"], offsets: Int[np.ndarray, "items_plus_one"]
) -> Float[np.ndarray, "N 2"]:
    """Return how far ink of the same item reaches above and below each point."""
    around = np.zeros(points.shape)
    for begin, end in pairwise(offsets):
        x, y = points[begin:end].T
        is_near = np.abs(x[:, None] - x) <= NEAR
        around[begin:end, 0] = np.max(y - y[:, None], axis=1, initial=0, where=is_near)
        around[begin:end, 1] = np.max(y[:, None] - y, axis=1, initial=0, where=is_near)
    return around
