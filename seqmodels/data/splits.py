"""Deterministic splits: by hash, which is stable when data is added, by position, or by time."""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from math import isclose
from typing import Any, NamedTuple

import numpy as np

from seqmodels.errors import UserError


class Splits(NamedTuple):
    """The three splits of a data set, of any type."""

    train: Any
    dev: Any
    test: Any


Fractions = tuple[float, float, float]


def hash_split(keys: Iterable[str], fractions: Fractions = (0.98, 0.01, 0.01)) -> Splits:
    """Return the indices of the examples in each split. Examples with equal keys stay together.

    A key is the example itself, or what related examples share (a source sentence, a writer).
    """
    bounds = np.array(_cumulative(fractions)[:-1])
    places = np.searchsorted(bounds, [_place(key) for key in keys], side="right")
    return Splits(*(np.flatnonzero(places == part) for part in range(3)))


def contiguous_split(
    values: Sequence | np.ndarray, fractions: Fractions = (0.9, 0.1, 0.0)
) -> Splits:
    """Split a text or series into consecutive parts for train, dev and test."""
    first, second = (int(len(values) * bound) for bound in _cumulative(fractions)[:-1])
    return Splits(values[:first], values[first:second], values[second:])


def time_split(times: Sequence | np.ndarray, dev: Any, test: Any = None) -> Splits:
    """Return the range of the steps before ``dev``, from ``dev`` to before ``test``, and the rest.

    The ranges are indices, so that a split may read its past: see ``data.series``.
    ``contiguous_split(range(length), fractions)`` returns ranges by fractions.

    times: sorted, one per step: numbers, dates (also as ISO strings) or ``range(length)``
    test:  by default there is no test split

    >>> time_split(["2019-12-30", "2019-12-31", "2020-01-01", "2020-01-02"], "2019-12-31", "2020")
    Splits(train=range(0, 1), dev=range(1, 2), test=range(2, 4))
    """
    steps = _comparable(times)
    if len(steps) == 0 or not (steps[:-1] <= steps[1:]).all():
        raise UserError("the times of a split by time must be sorted, and there must be some")
    bounds = [dev] if test is None else [dev, test]
    indices = [0, *np.searchsorted(steps, _comparable(bounds)).tolist(), len(steps)]
    parts = [range(*pair) for pair in pairwise(indices)]
    if not all(parts):
        raise UserError(
            f"the boundaries {', '.join(map(str, bounds))} leave a split without a step; choose "
            f"increasing times after {times[0]} and up to {times[-1]}"
        )
    return Splits(*parts, *[range(len(steps), len(steps))] * (test is None))


def _comparable(times: Any) -> np.ndarray:
    """Return times as an array of numbers or dates."""
    array = np.asarray(times)
    try:
        return array if array.dtype.kind in "iuf" else array.astype("datetime64")
    except ValueError as error:
        raise UserError(f"cannot read a time as a number or a date: {error}") from error


def _cumulative(fractions: Fractions) -> list[float]:
    if not isclose(sum(fractions), 1.0) or min(fractions) < 0:
        raise UserError(
            f"train, dev and test fractions must be 0 or more and sum to 1, not {fractions}"
        )
    return list(accumulate(fractions))


def _place(key: str) -> float:
    """Return a number in [0, 1) that depends only on the key, on every machine."""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
