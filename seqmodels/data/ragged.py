"""Sequences of unequal length: concatenated in memory, padded time-major in a batch."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, Shaped


class Ragged(NamedTuple):
    """Concatenated sequences: sequence i is ``values[offsets[i]:offsets[i + 1]]``."""

    values: Shaped[np.ndarray, "N *D"]
    offsets: Int[np.ndarray, "sequences_plus_one"]

    @property
    def lengths(self) -> Int[np.ndarray, "sequences"]:
        """Length of each sequence."""
        return np.diff(self.offsets)


class Padded(NamedTuple):
    """Padded sequences: after the end of sequence b, ``mask[t, b]`` is False and values are 0."""

    values: Shaped[np.ndarray, "T B *D"]
    mask: Bool[np.ndarray, "T B"]


def ragged(sequences: Sequence[np.ndarray] | np.ndarray) -> Ragged:
    """Concatenate arrays ``[length, *D]``; one contiguous array ``[N, T, *D]`` is not copied.

    >>> ragged(np.zeros((3, 5, 2))).lengths
    array([5, 5, 5])
    """
    if isinstance(sequences, np.ndarray) and sequences.ndim > 1:
        count, length, *features = sequences.shape
        values = sequences.reshape(count * length, *features)
        return Ragged(values, np.arange(count + 1) * length)
    offsets = np.cumsum([0, *(len(sequence) for sequence in sequences)])
    values = np.concatenate(sequences) if len(sequences) else np.zeros(0, np.int32)
    return Ragged(values, offsets)


def pad(sequences: Ragged, rows: Int[np.ndarray, "B"], length: int) -> Padded:
    """Return the sequences ``rows`` as a time-major batch; row -1 is an empty sequence."""
    begin = np.where(rows < 0, 0, sequences.offsets[rows])
    lengths = np.where(rows < 0, 0, sequences.offsets[rows + 1] - begin)
    time = np.arange(length)[:, None]
    mask = time < lengths
    values = np.zeros((*mask.shape, *sequences.values.shape[1:]), sequences.values.dtype)
    values[mask] = sequences.values[(begin + time)[mask]]
    return Padded(values, mask)


def zero_where_masked(
    values: Shaped[np.ndarray, "..."], mask: Bool[np.ndarray, "*B"]
) -> Shaped[np.ndarray, "..."]:
    """Return the values where the mask, which has their leading axes, is True; elsewhere zero."""
    mask = mask.reshape(mask.shape + (1,) * (values.ndim - mask.ndim))
    return np.where(mask, values, np.zeros_like(values))
