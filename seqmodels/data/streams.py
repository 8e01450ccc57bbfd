"""One long text as parallel streams of consecutive windows, for truncated backprop through time."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from seqmodels.data.batching import Batches
from seqmodels.errors import UserError


class Window(NamedTuple):
    """The same T steps of time in B streams; the next window goes on where this one stops.

    ``targets[t] = inputs[t + 1]``; ``resets[t, b]`` is True where a stream begins anew, so that
    the carried state must be set back; ``mask`` is False past the end of the text.
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
    """Full windows only; an epoch covers as many tokens as fill whole batches.

    With a seed an epoch begins at an offset drawn from ``(seed, epoch)``, so that the tokens left
    over and the places where windows are cut differ from epoch to epoch.
    """
    pairs = len(tokens) - 1
    _check(batch_size, length)
    steps = pairs // (batch_size * length)
    if steps < 1:
        raise UserError(
            f"{name} has {len(tokens)} symbols and one batch needs {batch_size * length + 1} "
            f"({batch_size} streams of {length}): lower the batch size or length, or give more text"
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
    """Every token after the first is a target exactly once; one stream keeps the whole context."""
    _check(batch_size, length)
    pairs = len(tokens) - 1
    if pairs < 1:
        raise UserError(f"{name} has {len(tokens)} symbols and evaluation needs 2: give more text")
    share = -(-pairs // batch_size)
    starts = np.arange(batch_size) * share
    stops = np.minimum(starts + share, pairs)
    steps = -(-share // length)

    def at(step: int, part: slice) -> Window:
        return _window(tokens, starts[part], stops[part], step % steps, length)

    return Batches(at, steps, lambda step: batch_size, batch_axis=1)


def _check(batch_size: int, length: int) -> None:
    if batch_size < 1 or length < 1:
        raise UserError(
            f"--batch-size and --length must be 1 or more, not {batch_size} and {length}"
        )


def _window(
    tokens: np.ndarray, starts: np.ndarray, stops: np.ndarray, position: int, length: int
) -> Window:
    """Window number ``position`` of the streams ``tokens[starts[b]:stops[b] + 1]``."""
    index = starts + (position * length + np.arange(length))[:, None]
    mask = index < stops
    resets = np.zeros_like(mask)
    resets[0] = position == 0
    index = np.where(mask, index, 0)
    return Window(
        np.where(mask, tokens[index], 0), np.where(mask, tokens[index + 1], 0), mask, resets
    )
