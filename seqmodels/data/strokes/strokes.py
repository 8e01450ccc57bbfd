"""Handwriting as the movement of a pen."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


class Ink(NamedTuple):
    """The points of a pen, and whether the pen is lifted after each of them.

    points: x and y of each point; y points upward
    lifts:  True at the last point of each stroke
    """

    points: Float[np.ndarray, "N 2"]
    lifts: Bool[np.ndarray, "N"]


class InkSet(NamedTuple):
    """Concatenated ink: item i is the points ``offsets[i]:offsets[i + 1]``."""

    ink: Ink
    offsets: Int[np.ndarray, "items_plus_one"]


def ink_of_strokes(strokes: Sequence[np.ndarray]) -> Ink:
    """Return the ink of strokes ``[N, 2]``; strokes without points are skipped.

    >>> ink_of_strokes([np.zeros((2, 2)), np.ones((1, 2))]).lifts
    array([False,  True,  True])
    """
    full = [np.asarray(stroke, np.float32).reshape(-1, 2) for stroke in strokes if len(stroke)]
    if not full:
        return Ink(np.zeros((0, 2), np.float32), np.zeros(0, bool))
    lifts = np.zeros(sum(map(len, full)), bool)
    lifts[np.cumsum([len(stroke) for stroke in full]) - 1] = True
    return Ink(np.concatenate(full), lifts)


def split_strokes(ink: Ink) -> list[Float[np.ndarray, "_ 2"]]:
    """Return the points of each stroke."""
    ends = np.flatnonzero(ink.lifts) + 1
    return [stroke for stroke in np.split(ink.points, ends) if len(stroke)]


def clean(ink: Ink) -> Ink:
    """Remove points that are not finite or that repeat the previous point of their stroke."""
    points = np.asarray(ink.points, np.float32)
    finite = np.isfinite(points).all(axis=1)
    stroke = np.cumsum(np.r_[False, ink.lifts[:-1]])[finite]
    points = points[finite]
    repeats = np.zeros(len(points), bool)
    repeats[1:] = (points[1:] == points[:-1]).all(axis=1) & (stroke[1:] == stroke[:-1])
    stroke = stroke[~repeats]
    lifts = np.ones(len(stroke), bool)
    lifts[:-1] = stroke[1:] != stroke[:-1]
    return Ink(points[~repeats], lifts)


def join(inks: Sequence[Ink]) -> InkSet:
    """Concatenate ink, so that all items are processed at once."""
    offsets = np.cumsum([0, *(len(ink.lifts) for ink in inks)])
    empty = ink_of_strokes([])
    points, lifts = zip(*(inks or [empty]), strict=True)
    return InkSet(Ink(np.concatenate(points), np.concatenate(lifts)), offsets)


def split_items(inks: InkSet) -> list[Ink]:
    """Return the items of concatenated ink."""
    bounds = inks.offsets[1:-1]
    parts = np.split(inks.ink.points, bounds), np.split(inks.ink.lifts, bounds)
    return [Ink(*part) for part in zip(*parts, strict=True)]


def moves(ink: Ink) -> Float[np.ndarray, "N 2"]:
    """Return the move that leads to each point; it is zero at the first point."""
    return np.diff(ink.points, axis=0, prepend=ink.points[:1])


def after_lift(ink: Ink) -> Bool[np.ndarray, "N"]:
    """Return True at the first point of each stroke."""
    return np.r_[True, ink.lifts[:-1]][: len(ink.lifts)]
