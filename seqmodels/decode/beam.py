"""Beam search over a step function, for a batch of sequences."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.decode.sample import Step
from seqmodels.types import Array, Bool, Carry, Float, Int

LOWEST = -1e30  # finite, so that sums of it are finite


class BeamConfig(NamedTuple):
    """Options of a beam search.

    width:            hypotheses per sequence
    length_penalty:   alpha; 0 ranks by probability alone
    coverage_penalty: beta
    no_repeat_ngram:  block repeated n-grams of this size; 0 disables it
    """

    width: int = 5
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    no_repeat_ngram: int = 0


class Hypotheses(NamedTuple):
    """The ``width`` best hypotheses of each sequence, best first, padded with ``end``."""

    tokens: Int[Array, "B K T"]
    scores: Float[Array, "B K"]  # log-probabilities with penalties, by which they are ranked
    nats: Float[Array, "B K"]  # log-probabilities


class Beams(NamedTuple):
    """The state of a beam search."""

    position: Array
    carry: Carry  # every leaf is [B, K, ...]
    tokens: Int[Array, "B K T"]
    nats: Float[Array, "B K"]
    scores: Float[Array, "B K"]
    lengths: Int[Array, "B K"]
    ended: Bool[Array, "B K"]


def beam_search(
    step: Step,
    carry: Carry,
    first: Int[Array, "B"],
    config: BeamConfig,
    *,
    end: int,
    limit: int,
    covered: Callable[[Carry], Array] | None = None,
) -> Hypotheses:
    """Return the best continuations of ``first`` with at most ``limit`` tokens.

        score(y) = log p(y) / lp(y) + cp(y),    lp(y) = ((5 + |y|) / 6)^alpha
        cp(y) = beta sum_s log min(covered_s, 1)

    Wu et al. (2016), arXiv:1609.08144.  ``step`` is called with a carry and tokens of ``[B, K]``.
    A hypothesis that has ended stays in the beam until better ones replace it.  The coverage
    penalty is added when a hypothesis ends.  It needs ``covered(carry) -> [B, K, S]``, the sum of
    the attention weights of each source position (1 for padding).

    >>> def count(carry, token):  # after token n comes n + 1 or, less likely, n + 2
    ...     return carry, 3.0 * jax.nn.one_hot(token + 1, 5) + 2.0 * jax.nn.one_hot(token + 2, 5)
    >>> found = beam_search(count, (), jnp.array([1]), BeamConfig(2, 0.0), end=4, limit=4)
    >>> found.tokens.tolist()
    [[[2, 3, 4, 4], [3, 4, 4, 4]]]
    """
    beams = initial_beams(carry, first, config.width, end, limit)
    first = jnp.broadcast_to(first[:, None], beams.nats.shape)

    def is_unfinished(beams: Beams) -> Array:
        return (beams.position < limit) & ~jnp.all(beams.ended)

    def extend(beams: Beams) -> Beams:
        carry, logits = step(beams.carry, _last_token(beams, first))
        nats = jax.nn.log_softmax(logits.astype(jnp.float32))
        nats = _block_repeats(nats, beams.tokens, beams.position, config.no_repeat_ngram)
        beta = config.coverage_penalty
        penalty = _coverage_penalty(covered(carry), beta) if covered else jnp.zeros(())
        return extend_beams(beams, carry, nats, penalty, config.length_penalty, end)

    beams = jax.lax.while_loop(is_unfinished, extend, beams)
    return Hypotheses(beams.tokens, beams.scores, beams.nats)


def initial_beams(carry: Carry, first: Int[Array, "B"], width: int, end: int, limit: int) -> Beams:
    """Return one empty hypothesis per sequence, and ``width - 1`` of the lowest probability."""
    shape = (*first.shape, width)
    nats = jnp.broadcast_to(jnp.where(jnp.arange(width) == 0, 0.0, LOWEST), shape)
    tokens = jnp.full((*shape, limit), end, first.dtype)
    ended, lengths = jnp.zeros(shape, bool), jnp.zeros(shape, jnp.int32)
    return Beams(jnp.int32(0), repeat_carry(carry, width), tokens, nats, nats, lengths, ended)


def repeat_carry(carry: Carry, width: int) -> Carry:
    """Repeat the carry of each sequence for ``width`` hypotheses, ``[B, K, ...]``."""
    return jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf[:, None], (leaf.shape[0], width, *leaf.shape[1:])), carry
    )


def extend_beams(
    beams: Beams, carry: Carry, nats: Float[Array, "B K V"], penalty: Array, alpha: float, end: int
) -> Beams:
    """Extend all hypotheses by one token and keep the best K per sequence.

    ``penalty`` is added to the score of a hypothesis that ends in this step.
    """
    (batch, width, vocabulary), ended = nats.shape, beams.ended[..., None]
    is_end = jnp.broadcast_to(jnp.arange(vocabulary) == end, nats.shape)
    stay = jnp.where(is_end, 0.0, LOWEST)  # an ended hypothesis has one continuation: itself
    nats = jnp.where(ended, stay, nats) + beams.nats[..., None]
    lengths = beams.lengths + (~beams.ended).astype(jnp.int32)
    scores = nats / _length_penalty(lengths, alpha)[..., None]
    penalty = jnp.broadcast_to(penalty, ended.shape[:-1])[..., None]
    scores = scores + jnp.where(is_end, penalty, 0.0)
    scores = jnp.where(ended, stay + beams.scores[..., None], scores)
    scores, chosen = jax.lax.top_k(scores.reshape(batch, -1), width)
    rows, token = chosen // vocabulary, (chosen % vocabulary).astype(beams.tokens.dtype)

    def pick(leaf: Array) -> Array:
        return jax.vmap(lambda one, row: one[row])(leaf, rows)

    return Beams(
        position=beams.position + 1,
        carry=jax.tree.map(pick, carry),
        tokens=pick(beams.tokens).at[..., beams.position].set(token),
        nats=jnp.take_along_axis(nats.reshape(batch, -1), chosen, axis=-1),
        scores=scores,
        lengths=pick(lengths),
        ended=pick(beams.ended) | (token == end),
    )


def _last_token(beams: Beams, first: Int[Array, "B K"]) -> Int[Array, "B K"]:
    """Return the last token of each hypothesis, or ``first`` if it is empty."""
    index = jnp.maximum(beams.position - 1, 0)
    last = jax.lax.dynamic_index_in_dim(beams.tokens, index, axis=-1, keepdims=False)
    return jnp.where(beams.position == 0, first, last)


def _length_penalty(lengths: Int[Array, "*B"], alpha: float) -> Float[Array, "*B"]:
    """Return ``((5 + |y|) / 6)^alpha``, which favours long hypotheses if alpha > 0."""
    return ((5.0 + lengths.astype(jnp.float32)) / 6.0) ** alpha


def _coverage_penalty(covered: Float[Array, "*B S"], beta: float) -> Float[Array, "*B"]:
    """Return ``beta sum_s log min(covered_s, 1)``, which penalises unattended positions."""
    return beta * jnp.sum(jnp.log(jnp.clip(covered, 1e-6, 1.0)), axis=-1)


def _block_repeats(
    nats: Float[Array, "B K V"], tokens: Int[Array, "B K T"], position: Array, size: int
) -> Float[Array, "B K V"]:
    """Lower the probability of each token that would repeat an n-gram of this size."""
    starts = tokens.shape[-1] - size + 1
    if size < 1 or starts < 1:
        return nats
    last = jax.lax.dynamic_slice_in_dim(tokens, position - size + 1, max(size - 1, 1), axis=-1)
    repeats = jnp.arange(starts) + size - 1 < position
    repeats = jnp.broadcast_to(repeats, (*nats.shape[:2], starts))
    for offset in range(size - 1):
        repeats = repeats & (tokens[..., offset : offset + starts] == last[..., offset, None])
    ban = jax.vmap(jax.vmap(lambda row, token, penalty: row.at[token].min(penalty)))
    return ban(nats, tokens[..., size - 1 :], jnp.where(repeats, LOWEST, 0.0))
