"""CTC loss in log space with a closed-form gradient, posteriors and the best alignment.

Connectionist temporal classification, Graves et al. (2006).  A path has a symbol or a blank in
every frame; the labels that it writes remain after removing repeated symbols, then blanks.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.losses.ctc_trellis import (
    ALL_PATHS,
    BEST_PATH,
    Emissions,
    Semiring,
    Trellis,
    backward,
    emissions_of,
    forward,
    log_add,
    log_probabilities,
    repeats,
)
from seqmodels.types import Array, Bool, Float, Int


class CtcLoss(NamedTuple):
    """Negative log-likelihoods in nats, and whether each label fits into its frames.

    A label needs a frame for each symbol and one between equal neighbors.  One that does not fit
    has no path: its nats and its gradient are zero.
    """

    nats: Float[Array, "B"]
    fits: Bool[Array, "B"]


class Posteriors(NamedTuple):
    """Probabilities of the states in each frame, given the labels; padded frames are zero.

    They mean nothing for a label that does not fit into its frames (see ``CtcLoss``).
    """

    symbols: Float[Array, "T L B"]
    blank: Float[Array, "T B"]


class Spans(NamedTuple):
    """The first and the last frame of each symbol, and a confidence between 0 and 1.

    A symbol without frames, such as padding, has first 0, last -1 and confidence 0.
    """

    first: Int[Array, "L B"]
    last: Int[Array, "L B"]
    confidence: Float[Array, "L B"]


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
    >>> loss = jax.jit(ctc_loss)(logits, true, jnp.array([[1]]), true[:1])
    >>> jnp.exp(-loss.nats).round(4)  # 3 / 9
    Array([0.3333], dtype=float32)
    """
    frames, lengths = _lengths(mask), _lengths(label_mask)
    fits = lengths + _lengths(repeats(labels) & label_mask) <= frames
    nats = _nats(blank, _clear(logits, mask), jnp.where(fits, frames, 0), labels, lengths)
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
    return _states(logits, mask, labels, label_mask, blank, ALL_PATHS)


def ctc_alignment(
    logits: Float[Array, "T B V"],
    mask: Bool[Array, "T B"],
    labels: Int[Array, "L B"],
    label_mask: Bool[Array, "L B"],
    *,
    blank: int = 0,
) -> Posteriors:
    """Return the most likely path that writes the labels, as posteriors that are 0 or 1."""
    return _states(logits, mask, labels, label_mask, blank, BEST_PATH)


def symbol_spans(alignment: Posteriors, posteriors: Posteriors) -> Spans:
    """Return the frames of each symbol in an alignment.

    The confidence is the mean posterior of the symbol over its frames: how certain it is that
    they belong to this symbol, if the labels are right.
    """
    inside = alignment.symbols > 0.5
    count = len(inside)
    frame = jnp.arange(count)[:, None, None]
    first = jnp.min(jnp.where(inside, frame, count), axis=0, initial=count)
    last = jnp.max(jnp.where(inside, frame, -1), axis=0, initial=-1)
    total = jnp.sum(jnp.where(inside, posteriors.symbols, 0.0), axis=0)
    confidence = total / jnp.maximum(last - first + 1, 1).astype(jnp.float32)
    return Spans(jnp.where(last < 0, 0, first), last, confidence)


def _lengths(mask: Bool[Array, "N B"]) -> Int[Array, "B"]:
    return jnp.sum(mask, axis=0, dtype=jnp.int32)


def _clear(logits: Float[Array, "T B V"], mask: Bool[Array, "T B"]) -> Float[Array, "T B V"]:
    """Remove what lies in the padding, which may be NaN."""
    return jnp.where(mask[..., None], logits, jnp.zeros_like(logits))


def _states(
    logits: Float[Array, "T B V"],
    mask: Bool[Array, "T B"],
    labels: Int[Array, "L B"],
    label_mask: Bool[Array, "L B"],
    blank: int,
    semiring: Semiring,
) -> Posteriors:
    nats = log_probabilities(_clear(logits, mask))
    emissions = emissions_of(nats, _lengths(mask), labels, _lengths(label_mask), blank)
    symbols = backward(emissions, forward(emissions, semiring), semiring)
    return Posteriors(symbols, jnp.where(mask, 1.0 - jnp.sum(symbols, axis=1), 0.0))


class _Evaluation(NamedTuple):
    """The value of the loss, and what its gradient is computed from."""

    value: Float[Array, "B"]
    nats: Float[Array, "T B V"]
    emissions: Emissions
    trellis: Trellis
    valid: Bool[Array, "T B"]


def _evaluate(blank: int, logits: Array, frames: Array, labels: Array, lengths: Array):
    nats = log_probabilities(logits)
    emissions = emissions_of(nats, frames, labels, lengths, blank)
    trellis = forward(emissions, ALL_PATHS)
    valid = jnp.arange(len(logits))[:, None] < frames[None]
    blanks = jnp.sum(jnp.where(valid, nats[..., blank], 0.0), axis=0)
    value = -blanks - log_add(trellis.end_blank, trellis.end_symbol)
    value = jnp.where(frames > 0, jnp.maximum(value, 0.0), 0.0)  # rounding may make it negative
    return _Evaluation(value, nats, emissions, trellis, valid)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _nats(blank: int, logits: Array, frames: Array, labels: Array, lengths: Array) -> Array:
    return _evaluate(blank, logits, frames, labels, lengths).value


def _nats_and_gradient(
    blank: int, logits: Array, frames: Array, labels: Array, lengths: Array
) -> tuple[Array, Array]:
    it = _evaluate(blank, logits, frames, labels, lengths)
    symbols = backward(it.emissions, it.trellis, ALL_PATHS)
    one_hot = jax.nn.one_hot(labels.T, logits.shape[-1])  # [B, L, V]
    expected = jnp.einsum("btl,blv->tbv", jnp.transpose(symbols, (2, 0, 1)), one_hot)
    expected = expected.at[..., blank].add(1.0 - jnp.sum(symbols, axis=1))
    gradient = jnp.where(it.valid[..., None], jnp.exp(it.nats) - expected, 0.0)
    return it.value, gradient.astype(logits.dtype)


def _scale_gradient(blank: int, gradient: Array, cotangent: Array) -> tuple:
    del blank
    return gradient * cotangent[None, :, None].astype(gradient.dtype), None, None, None


_nats.defvjp(_nats_and_gradient, _scale_gradient)
