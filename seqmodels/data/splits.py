"""Deterministic splits: by hash, which is stable when data is added, or by position."""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import accumulate
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


def contiguous_split(values: Sequence, fractions: Fractions = (0.9, 0.1, 0.0)) -> Splits:
    """Split a text or series into consecutive parts for train, dev and test."""
    first, second = (int(len(values) * bound) for bound in _cumulative(fractions)[:-1])
    return Splits(values[:first], values[first:second], values[second:])


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
