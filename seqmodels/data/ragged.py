"""Sequences of unequal length: stored end to end, padded time-major when a batch is made."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, Shaped


class Ragged(NamedTuple):
    """Sequences end to end: sequence i is ``values[offsets[i]:offsets[i + 1]]``."""

    values: Shaped[np.ndarray, "N *D"]
    offsets: Int[np.ndarray, "sequences_plus_one"]

    @property
    def lengths(self) -> Int[np.ndarray, "sequences"]:
        """Length of every sequence."""
        return np.diff(self.offsets)


class Padded(NamedTuple):
    """Sequences side by side; past its end ``mask[t, b]`` is False and the value zero."""

    values: Shaped[np.ndarray, "T B *D"]
    mask: Bool[np.ndarray, "T B"]


def ragged(sequences: Sequence[np.ndarray]) -> Ragged:
    """Join arrays ``[length, *D]`` end to end."""
    offsets = np.cumsum([0, *(len(sequence) for sequence in sequences)])
    values = np.concatenate(sequences) if len(sequences) else np.zeros(0, np.int32)
    return Ragged(values, offsets)


def pad(sequences: Ragged, rows: Int[np.ndarray, "B"], length: int) -> Padded:
    """The sequences ``rows`` as one time-major batch; a row of -1 is an empty sequence."""
    begin = np.where(rows < 0, 0, sequences.offsets[rows])
    lengths = np.where(rows < 0, 0, sequences.offsets[rows + 1] - begin)
    time = np.arange(length)[:, None]
    mask = time < lengths
    values = np.zeros((*mask.shape, *sequences.values.shape[1:]), sequences.values.dtype)
    values[mask] = sequences.values[(begin + time)[mask]]
    return Padded(values, mask)
