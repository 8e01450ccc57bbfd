"""Windows of a long text or series, read in parallel streams, for truncated backpropagation."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Shaped

from seqmodels.data.batching import Batches
from seqmodels.data.ragged import zero_where_masked
from seqmodels.errors import UserError


class Window(NamedTuple):
    """T consecutive steps of B streams; the next window continues where this one ends.

    inputs:  tokens, or vectors of a real-valued series
    targets: the next value of each, ``targets[t] = inputs[t + 1]``
    mask:    False past the end of the data
    resets:  True where a stream begins, so that the carry must be reset
    """

    inputs: Shaped[np.ndarray, "T B *D"]
    targets: Shaped[np.ndarray, "T B *D"]
    mask: Bool[np.ndarray, "T B"]
    resets: Bool[np.ndarray, "T B"]


def training_windows(
    values: Shaped[np.ndarray, "N *D"],
    batch_size: int,
    length: int,
    *,
    seed: int | None = None,
    name: str = "the text",
) -> Batches:
    """Return full windows of ``batch_size`` streams; an epoch omits the steps that are left over.

    With a seed, each epoch begins at an offset drawn from ``(seed, epoch)``, so that the omitted
    steps and the boundaries of the windows differ between epochs.

    values: tokens ``[N]``, or a real-valued series ``[N, D]``
    """
    pairs = len(values) - 1
    _check_sizes(batch_size, length)
    steps = pairs // (batch_size * length)
    if steps < 1:
        raise UserError(
            f"{_size(name, values)} and one batch needs {batch_size * length + 1} "
            f"({batch_size} streams of {length}); lower --batch-size or --length, or give more data"
        )
    spare = pairs - steps * batch_size * length
    streams = np.arange(length + 1)[:, None] + np.arange(batch_size) * steps * length

    @lru_cache(maxsize=2)
    def offset(epoch: int) -> int:
        return 0 if seed is None else int(np.random.default_rng([seed, epoch]).integers(spare + 1))

    def at(step: int, part: slice) -> Window:
        epoch, position = divmod(step, steps)
        index = streams[:, part] + (offset(epoch) + position * length)
        read, resets = values[index], np.zeros(index[1:].shape, bool)
        resets[0] = position == 0
        return Window(read[:-1], read[1:], np.ones_like(resets), resets)

    return Batches(at, steps, lambda step: batch_size, batch_axis=1)


def evaluation_windows(
    values: Shaped[np.ndarray, "N *D"], batch_size: int, length: int, *, name: str = "the text"
) -> Batches:
    """Return windows in which every value except the first is a target exactly once.

    Each stream begins without context, so a single stream gives every value its full context.

    values: tokens ``[N]``, or a real-valued series ``[N, D]``
    """
    _check_sizes(batch_size, length)
    pairs = len(values) - 1
    if pairs < 1:
        raise UserError(f"{_size(name, values)} and evaluation needs 2; give more data")
    share = -(-pairs // batch_size)
    starts = np.arange(batch_size) * share
    stops = np.minimum(starts + share, pairs)
    steps = -(-share // length)

    def at(step: int, part: slice) -> Window:
        return _evaluation_window(values, starts[part], stops[part], step % steps, length)

    return Batches(at, steps, lambda step: batch_size, batch_axis=1)


def _size(name: str, values: np.ndarray) -> str:
    unit = "symbols" if values.ndim == 1 else "steps"
    return f"{name} has {len(values)} {unit}"


def _check_sizes(batch_size: int, length: int) -> None:
    if batch_size < 1 or length < 1:
        raise UserError(
            f"--batch-size and --length must be 1 or more, not {batch_size} and {length}"
        )


def _evaluation_window(
    values: np.ndarray, starts: np.ndarray, stops: np.ndarray, position: int, length: int
) -> Window:
    """Return window number ``position`` of the streams ``values[starts[b]:stops[b] + 1]``."""
    index = starts + (position * length + np.arange(length))[:, None]
    mask = index < stops
    resets = np.zeros_like(mask)
    resets[0] = position == 0
    index = np.where(mask, index, 0)
    inputs, targets = (zero_where_masked(values[at], mask) for at in (index, index + 1))
    return Window(inputs, targets, mask, resets)
