"""CTC loss in log space with a closed-form gradient, posteriors and the best alignment.

Connectionist temporal classification, Graves et al. (2006).  A path has a symbol or a blank in
every frame; the labels that it writes remain after removing repeated symbols, then blanks.

One trellis gives the loss, the posteriors and the best path.  Its states are the blank and the
symbol n after n symbols, in two arrays of shape ``[L, B]``, so that a step takes two additions in
log space per symbol.  All scores are relative to the path of blanks alone, which keeps them small
and therefore exact.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.types import Array, Bool, Float, Int

UNREACHABLE = -1e30  # finite, so that differences of it are finite
LEAST = -1e4  # lower bound of a log-probability, so that symbols may have probability zero

Add = Callable[[Array, Array], Array]


class CtcLoss(NamedTuple):
    """Negative log-likelihoods in nats, and whether each label fits into its frames.

    A label needs a frame for each symbol and one between equal neighbors. One that does not fit
    has no path: its nats and its gradient are zero.
    """

    nats: Float[Array, "B"]
    fits: Bool[Array, "B"]


class Posteriors(NamedTuple):
    """Probabilities of the states in each frame, given the labels; padded frames are zero."""

    symbols: Float[Array, "T L B"]
    blank: Float[Array, "T B"]


class _Problem(NamedTuple):
    """Log-probabilities of the symbols relative to the blank, and the lengths."""

    relative: Float[Array, "T L B"]
    repeats: Bool[Array, "L B"]  # equal to the symbol before
    frames: Int[Array, "B"]
    lengths: Int[Array, "B"]


class _Trellis(NamedTuple):
    """Scores of the best or of all paths to the states before each frame, and at the end."""

    blank: Float[Array, "T L B"]
    symbol: Float[Array, "T L B"]
    end_blank: Float[Array, "B"]
    end_symbol: Float[Array, "B"]


def ctc_loss(
    logits: Float[Array, "T B V"],
    mask: Bool[Array, "T B"],
    labels: Int[Array, "L B"],
    label_mask: Bool[Array, "L B"],
    *,
    blank: int = 0,
) -> CtcLoss:
    """Return ``-log p(labels | logits)``, summed over all paths that write the labels.

        p(y) = sum_{paths that write y} prod_t softmax(z_t)[path_t]

    Both masks are True up to the length of a row and False after it; what lies there is ignored.
    The gradient is ``softmax(z_t) - p(symbol in frame t | y)``, computed together with the value.

    >>> logits = jnp.zeros((2, 1, 3))  # two frames; p("1") = p(1 1) + p(1 blank) + p(blank 1)
    >>> true = jnp.ones((2, 1), bool)
    >>> jnp.exp(-ctc_loss(logits, true, jnp.array([[1]]), true[:1]).nats)  # 3 / 9
    Array([0.33333334], dtype=float32)
    """
    frames, lengths = jnp.sum(mask, 0, dtype=jnp.int32), jnp.sum(label_mask, 0, dtype=jnp.int32)
    needed = lengths + jnp.sum(_repeats(labels) & label_mask, 0, dtype=jnp.int32)
    fits = needed <= frames
    logits = jnp.where(mask[..., None], logits, jnp.zeros_like(logits))
    nats = _nats(blank, logits, jnp.where(fits, frames, 0), labels, lengths)
    return CtcLoss(nats, fits)


def ctc_posteriors(
    logits: Float[Array, "T B V"],
    mask: Bool[Array, "T B"],
    labels: Int[Array, "L B"],
    label_mask: Bool[Array, "L B"],
    *,
    blank: int = 0,
) -> Posteriors:
    """Return the probability of each symbol of the labels, and of the blank, in every frame."""
    return _state_weights(logits, mask, labels, label_mask, blank, _log_add, jax.nn.sigmoid)


def ctc_alignment(
    logits: Float[Array, "T B V"],
    mask: Bool[Array, "T B"],
    labels: Int[Array, "L B"],
    label_mask: Bool[Array, "L B"],
    *,
    blank: int = 0,
) -> Posteriors:
    """Return the most likely path that writes the labels, as posteriors that are 0 or 1."""

    def choose(difference: Array) -> Array:
        return (difference >= 0).astype(jnp.float32)

    return _state_weights(logits, mask, labels, label_mask, blank, jnp.maximum, choose)


def _state_weights(logits, mask, labels, label_mask, blank, add, share) -> Posteriors:
    frames, lengths = jnp.sum(mask, 0, dtype=jnp.int32), jnp.sum(label_mask, 0, dtype=jnp.int32)
    logits = jnp.where(mask[..., None], logits, jnp.zeros_like(logits))
    problem = _problem(log_probabilities(logits), blank, frames, labels, lengths)
    symbols = _backward(problem, _forward(problem, add), share)
    return Posteriors(symbols, jnp.where(mask, 1.0 - jnp.sum(symbols, axis=1), 0.0))


def log_probabilities(logits: Float[Array, "*B V"]) -> Float[Array, "*B V"]:
    """Return the log-softmax in float32, bounded from below."""
    return jnp.maximum(jax.nn.log_softmax(logits.astype(jnp.float32)), LEAST)


def _repeats(labels: Int[Array, "L B"]) -> Bool[Array, "L B"]:
    """Return where a symbol equals the one before, so that a blank must separate them."""
    return jnp.concatenate([jnp.zeros_like(labels[:1], bool), labels[1:] == labels[:-1]])


def _log_add(a: Array, b: Array) -> Array:
    """Return ``log(exp(a) + exp(b))``; for finite arguments, faster than ``jnp.logaddexp``."""
    return jnp.maximum(a, b) + jnp.log(1.0 + jnp.exp(-jnp.abs(a - b)))


def _problem(nats: Array, blank: int, frames: Array, labels: Array, lengths: Array) -> _Problem:
    symbols = jax.vmap(lambda row, label: row[:, label], in_axes=(1, 1), out_axes=2)(nats, labels)
    return _Problem(symbols - nats[..., blank][:, None], _repeats(labels), frames, lengths)


def _forward(problem: _Problem, add: Add) -> _Trellis:
    """Return the scores of the paths to each state.

    blank_t[n]  = add(blank_{t-1}[n], symbol_{t-1}[n])
    symbol_t[n] = z_t[n] + add(symbol_{t-1}[n], previous)
    previous    = blank_t[n-1], or blank_{t-1}[n-1] if symbols n-1 and n are equal
    """
    none = jnp.full(problem.repeats.shape, UNREACHABLE)
    start = jnp.zeros_like(none[:1])  # no symbol yet

    def step(carry: tuple, z: Array) -> tuple:
        blank, symbol = carry
        either = add(blank, symbol)
        before = _source(problem, start, blank, either)
        return (either, z + add(symbol, before)), carry

    # The trellis keeps the carries before each frame; row ``frames`` is the end of a sequence.
    padded = jnp.concatenate([problem.relative, jnp.zeros_like(problem.relative[:1])])
    _, (blank, symbol) = jax.lax.scan(step, (none, none), padded)
    ends = [_at(at_end, problem.lengths) for at_end in _rows((blank, symbol), problem.frames)]
    end_blank = jnp.where(problem.lengths == 0, 0.0, ends[0])
    end_symbol = jnp.where(problem.lengths == 0, UNREACHABLE, ends[1])
    return _Trellis(blank[:-1], symbol[:-1], end_blank, end_symbol)


def _source(problem: _Problem, start: Array, blank: Array, either: Array) -> Array:
    """Return the scores of the states from which a path enters each symbol."""
    shifted_blank = jnp.concatenate([start, blank[:-1]])
    shifted_either = jnp.concatenate([start, either[:-1]])
    return jnp.where(problem.repeats, shifted_blank, shifted_either)


def _rows(arrays: tuple[Array, ...], time: Int[Array, "B"]) -> list[Array]:
    """Return ``[L, B]``, row b at its own time, of arrays ``[T, L, B]``."""
    return [jnp.take_along_axis(a, time[None, None], axis=0)[0] for a in arrays]


def _at(scores: Float[Array, "L B"], lengths: Int[Array, "B"]) -> Float[Array, "B"]:
    """Return the score of the last symbol of each row."""
    return jnp.take_along_axis(scores, jnp.maximum(lengths - 1, 0)[None], axis=0)[0]


def _backward(problem: _Problem, trellis: _Trellis, share: Callable) -> Float[Array, "T L B"]:
    """Return the posteriors of the symbols, frame by frame from the last one.

    ``share(a - b)`` is the fraction of a state's posterior that came from its predecessor with
    score a rather than b. The recursion has no logarithms, and the posteriors of a frame sum to
    one by construction.
    """
    blank, symbol, count = trellis.blank, trellis.symbol, len(problem.repeats)
    from_blank = share(blank - symbol)
    either = _log_add(blank, symbol) if share is jax.nn.sigmoid else jnp.maximum(blank, symbol)
    start = jnp.zeros_like(blank[0, :1])
    source = jax.vmap(partial(_source, problem, start))(blank, either)
    stays = share(symbol - source)
    after = jnp.concatenate([problem.repeats[1:], jnp.zeros_like(problem.repeats[:1])])
    enters_from_blank = jnp.where(after, 1.0, from_blank)

    at_end = jnp.arange(1, count + 1)[:, None] == problem.lengths
    ends_in_blank = share(trellis.end_blank - trellis.end_symbol)
    last_blank = jnp.where(at_end, ends_in_blank, 0.0)
    last_symbol = jnp.where(at_end, 1.0 - ends_in_blank, 0.0)
    last = (jnp.arange(len(blank))[:, None] == problem.frames - 1).astype(jnp.float32)

    def step(carry: tuple, xs: tuple) -> tuple:
        in_blank, in_symbol = carry
        from_blank, stays, enters_from_blank, last = xs
        in_blank = in_blank + last * last_blank
        in_symbol = in_symbol + last * last_symbol
        kept = stays * in_symbol
        left = in_symbol - kept
        entered = jnp.concatenate([left[1:], jnp.zeros_like(left[:1])])
        blank = from_blank * in_blank + enters_from_blank * entered
        return (blank, in_blank + entered - blank + kept), in_symbol

    zero = jnp.zeros_like(last_blank)
    weights = from_blank, stays, enters_from_blank, last
    return jax.lax.scan(step, (zero, zero), weights, reverse=True)[1]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _nats(blank: int, logits: Array, frames: Array, labels: Array, lengths: Array) -> Array:
    return _value(blank, logits, frames, labels, lengths)[0]


def _value(blank: int, logits: Array, frames: Array, labels: Array, lengths: Array):
    nats = log_probabilities(logits)
    problem = _problem(nats, blank, frames, labels, lengths)
    trellis = _forward(problem, _log_add)
    valid = jnp.arange(len(logits))[:, None] < frames
    blanks = jnp.sum(jnp.where(valid, nats[..., blank], 0.0), axis=0)
    value = -blanks - _log_add(trellis.end_blank, trellis.end_symbol)
    return jnp.where(frames > 0, jnp.maximum(value, 0.0), 0.0), (nats, problem, trellis, valid)


def _nats_and_gradient(blank: int, logits: Array, frames: Array, labels: Array, lengths: Array):
    value, (nats, problem, trellis, valid) = _value(blank, logits, frames, labels, lengths)
    symbols = _backward(problem, trellis, jax.nn.sigmoid)
    in_blank = 1.0 - jnp.sum(symbols, axis=1)
    one_hot = jax.nn.one_hot(labels, logits.shape[-1], axis=0)  # [V, L, B]
    expected = jnp.einsum("tlb,vlb->tbv", symbols, one_hot)
    expected = expected.at[..., blank].add(in_blank)
    gradient = jnp.where(valid[..., None], jnp.exp(nats) - expected, 0.0)
    return value, gradient.astype(logits.dtype)


def _scale_gradient(blank: int, gradient: Array, cotangent: Array) -> tuple:
    del blank
    return gradient * cotangent[:, None].astype(gradient.dtype), None, None, None


_nats.defvjp(_nats_and_gradient, _scale_gradient)
