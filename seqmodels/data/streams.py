"""Windows of a long text, read in parallel streams, for truncated backpropagation through time."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from seqmodels.data.batching import Batches
from seqmodels.errors import UserError


class Window(NamedTuple):
    """T consecutive steps of B streams; the next window continues where this one ends.

    inputs:  tokens
    targets: the next token of each, ``targets[t] = inputs[t + 1]``
    mask:    False past the end of the text
    resets:  True where a stream begins, so that the carry must be reset
    """

    inputs: Int[np.ndarray, "T B"]
    targets: Int[np.ndarray, "T B"]
    mask: Bool[np.ndarray, "T B"]
    resets: Bool[np.ndarray, "T B"]


def training_windows(
    tokens: Int[np.ndarray, "N"],
    batch_size: int,
    length: int,
    *,
    seed: int | None = None,
    name: str = "the text",
) -> Batches:
    """Return full windows of ``batch_size`` streams; an epoch omits the tokens that are left over.

    With a seed, each epoch begins at an offset drawn from ``(seed, epoch)``, so that the omitted
    tokens and the boundaries of the windows differ between epochs.
    """
    pairs = len(tokens) - 1
    _check_sizes(batch_size, length)
    steps = pairs // (batch_size * length)
    if steps < 1:
        raise UserError(
            f"{name} has {len(tokens)} symbols and one batch needs {batch_size * length + 1} "
            f"({batch_size} streams of {length}); lower --batch-size or --length, or give more text"
        )
    spare = pairs - steps * batch_size * length
    streams = np.arange(length + 1)[:, None] + np.arange(batch_size) * steps * length

    @lru_cache(maxsize=2)
    def offset(epoch: int) -> int:
        return 0 if seed is None else int(np.random.default_rng([seed, epoch]).integers(spare + 1))

    def at(step: int, part: slice) -> Window:
        epoch, position = divmod(step, steps)
        symbols = tokens[streams[:, part] + (offset(epoch) + position * length)]
        resets = np.zeros(symbols[1:].shape, bool)
        resets[0] = position == 0
        return Window(symbols[:-1], symbols[1:], np.ones_like(resets), resets)

    return Batches(at, steps, lambda step: batch_size, batch_axis=1)


def evaluation_windows(
    tokens: Int[np.ndarray, "N"], batch_size: int, length: int, *, name: str = "the text"
) -> Batches:
    """Return windows in which every token except the first is a target exactly once.

    Each stream begins without context, so a single stream gives every token its full context.
    """
    _check_sizes(batch_size, length)
    pairs = len(tokens) - 1
    if pairs < 1:
        raise UserError(f"{name} has {len(tokens)} symbols and evaluation needs 2; give more text")
    share = -(-pairs // batch_size)
    starts = np.arange(batch_size) * share
    stops = np.minimum(starts + share, pairs)
    steps = -(-share // length)

    def at(step: int, part: slice) -> Window:
        return _evaluation_window(tokens, starts[part], stops[part], step % steps, length)

    return Batches(at, steps, lambda step: batch_size, batch_axis=1)


def _check_sizes(batch_size: int, length: int) -> None:
    if batch_size < 1 or length < 1:
        raise UserError(
            f"--batch-size and --length must be 1 or more, not {batch_size} and {length}"
        )


def _evaluation_window(
    tokens: np.ndarray, starts: np.ndarray, stops: np.ndarray, position: int, length: int
) -> Window:
    """Return window number ``position`` of the streams ``tokens[starts[b]:stops[b] + 1]``."""
    index = starts + (position * length + np.arange(length))[:, None]
    mask = index < stops
    resets = np.zeros_like(mask)
    resets[0] = position == 0
    index = np.where(mask, index, 0)
    return Window(
        np.where(mask, tokens[index], 0), np.where(mask, tokens[index + 1], 0), mask, resets
    )
