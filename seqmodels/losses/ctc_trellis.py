"""The states of CTC: scores of paths forward, probabilities of states backward.

The states are the blank and the symbol n after n symbols, in two arrays of shape ``[L, B]``, so
that a step takes two additions in log space per symbol.  All scores are relative to the path of
blanks alone, which keeps them small and therefore exact.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.types import Array, Bool, Float, Int

UNREACHABLE = -1e30  # finite, so that differences of it are finite
LEAST = -1e4  # lower bound of a log-probability, so that symbols may have probability zero


class Semiring(NamedTuple):
    """How paths are combined: over all paths, or by the best of them.

    add:   ``(a, b) -> score`` of two groups of paths together
    share: ``(a, b) -> [0, 1]``, the fraction of that score that comes from the first group
    """

    add: Callable[[Array, Array], Array]
    share: Callable[[Array, Array], Array]


class Emissions(NamedTuple):
    """Log-probabilities of the symbols relative to the blank, and the lengths."""

    relative: Float[Array, "T L B"]
    repeats: Bool[Array, "L B"]  # equal to the symbol before
    frames: Int[Array, "B"]
    lengths: Int[Array, "B"]


class Trellis(NamedTuple):
    """Scores of the paths to the states before each frame, and at the end."""

    blank: Float[Array, "T L B"]
    symbol: Float[Array, "T L B"]
    end_blank: Float[Array, "B"]
    end_symbol: Float[Array, "B"]


class _Weights(NamedTuple):
    """How the probability of a state divides over its predecessors, and the last frames."""

    from_blank: Float[Array, "T L B"]
    stays: Float[Array, "T L B"]
    last: Float[Array, "T 1 B"]


def log_probabilities(logits: Float[Array, "*B V"]) -> Float[Array, "*B V"]:
    """Return the log-softmax in float32, bounded from below."""
    return jnp.maximum(jax.nn.log_softmax(logits.astype(jnp.float32)), LEAST)


def log_add(a: Float[Array, "*B"], b: Float[Array, "*B"]) -> Float[Array, "*B"]:
    """Return ``log(exp(a) + exp(b))`` of finite numbers, faster than ``jnp.logaddexp``."""
    return jnp.maximum(a, b) + jnp.log(1.0 + jnp.exp(-jnp.abs(a - b)))


ALL_PATHS = Semiring(log_add, lambda a, b: jax.nn.sigmoid(a - b))
BEST_PATH = Semiring(jnp.maximum, lambda a, b: (a >= b).astype(jnp.float32))


def repeats(labels: Int[Array, "L B"]) -> Bool[Array, "L B"]:
    """Return where a symbol equals the one before, so that a blank must separate them."""
    return jnp.concatenate([jnp.zeros_like(labels[:1], bool), labels[1:] == labels[:-1]])


def emissions_of(
    nats: Float[Array, "T B V"],
    frames: Int[Array, "B"],
    labels: Int[Array, "L B"],
    lengths: Int[Array, "B"],
    blank: int,
) -> Emissions:
    """Select the log-probabilities of the labels."""
    symbols = jax.vmap(lambda row, label: row[:, label], in_axes=(1, 1), out_axes=2)(nats, labels)
    return Emissions(symbols - nats[..., blank][:, None], repeats(labels), frames, lengths)


def forward(emissions: Emissions, semiring: Semiring) -> Trellis:
    """Return the scores of the paths to each state.

    blank_t[n]  = add(blank_{t-1}[n], symbol_{t-1}[n])
    symbol_t[n] = z_t[n] + add(symbol_{t-1}[n], source)
    source      = blank_t[n-1], or blank_{t-1}[n-1] if symbols n-1 and n are equal
    """
    none = jnp.full(emissions.repeats.shape, UNREACHABLE)

    def step(carry: tuple[Array, Array], z: Array) -> tuple:
        blank, symbol = carry
        either = semiring.add(blank, symbol)
        source = _source(emissions, blank, either)
        return (either, z + semiring.add(symbol, source)), carry

    # The trellis keeps the carries before each frame; row ``frames`` is the end of a sequence.
    padded = jnp.concatenate(
        [emissions.relative, jnp.zeros_like(emissions.repeats[None], jnp.float32)]
    )
    blank: Array
    symbol: Array
    _, (blank, symbol) = jax.lax.scan(step, (none, none), padded)
    end_blank = jnp.where(emissions.lengths == 0, 0.0, _at_end(emissions, blank))
    end_symbol = _at_end(emissions, symbol)
    return Trellis(blank[:-1], symbol[:-1], end_blank, end_symbol)


def _source(
    emissions: Emissions, blank: Float[Array, "L B"], either: Float[Array, "L B"]
) -> Float[Array, "L B"]:
    """Return the scores of the states from which a path enters each symbol."""
    start = jnp.zeros_like(blank[:1])  # no symbol yet
    after_blank = jnp.concatenate([start, blank[:-1]])
    after_either = jnp.concatenate([start, either[:-1]])
    return jnp.where(emissions.repeats, after_blank, after_either)


def _at_end(emissions: Emissions, scores: Float[Array, "N L B"]) -> Float[Array, "B"]:
    """Return the score of the last symbol after the last frame; unreachable without symbols."""
    if not scores.shape[1]:
        return jnp.full(emissions.frames.shape, UNREACHABLE)
    at_time = jnp.take_along_axis(scores, emissions.frames[None, None], axis=0)[0]
    last = jnp.take_along_axis(at_time, jnp.maximum(emissions.lengths - 1, 0)[None], axis=0)[0]
    return jnp.where(emissions.lengths == 0, UNREACHABLE, last)


def backward(emissions: Emissions, trellis: Trellis, semiring: Semiring) -> Float[Array, "T L B"]:
    """Return the probability of each symbol's state in every frame, from the last frame on.

    The recursion distributes the probability of a state over its predecessors.  It has no
    logarithms, and the probabilities of a frame sum to one by construction.
    """
    weights = _weights(emissions, trellis, semiring)
    at_end = jnp.arange(1, len(emissions.repeats) + 1)[:, None] == emissions.lengths[None]
    ends_in_blank = semiring.share(trellis.end_blank, trellis.end_symbol)[None]
    last_blank = jnp.where(at_end, ends_in_blank, 0.0)
    last_symbol = jnp.where(at_end, 1.0 - ends_in_blank, 0.0)

    repeats_next = jnp.roll(emissions.repeats, -1, axis=0)  # False at the end, as at the start

    def step(carry: tuple[Array, Array], weights: _Weights) -> tuple:
        in_blank, in_symbol = carry
        in_blank = in_blank + weights.last * last_blank
        in_symbol = in_symbol + weights.last * last_symbol
        kept = weights.stays * in_symbol
        left = in_symbol - kept
        entered = jnp.concatenate([left[1:], jnp.zeros_like(left[:1])])
        through_blank = jnp.where(repeats_next, entered, weights.from_blank * entered)
        blank = weights.from_blank * in_blank + through_blank
        return (blank, in_blank + entered - blank + kept), in_symbol

    zero = jnp.zeros_like(last_blank)
    return jax.lax.scan(step, (zero, zero), weights, reverse=True)[1]


def _weights(emissions: Emissions, trellis: Trellis, semiring: Semiring) -> _Weights:
    blank, symbol = trellis.blank, trellis.symbol
    from_blank = semiring.share(blank, symbol)
    source = jax.vmap(partial(_source, emissions))(blank, semiring.add(blank, symbol))
    last = jnp.arange(len(blank))[:, None, None] == emissions.frames[None, None] - 1
    return _Weights(
        from_blank=from_blank,
        stays=semiring.share(symbol, source),
        last=last.astype(jnp.float32),
    )
