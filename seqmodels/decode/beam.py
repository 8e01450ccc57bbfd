"""Beam search over any step function, for many sequences at once."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.decode.sample import Step
from seqmodels.types import Array, Bool, Carry, Float, Int

LOWEST = -1e30  # finite, so that sums of it are numbers


class BeamConfig(NamedTuple):
    """How to search.

    width:    hypotheses kept for each sequence
    length:   alpha of the length penalty; 0 ranks by probability alone
    coverage: beta of the coverage penalty
    blocked:  no n-gram of this many tokens comes twice; 0: any may
    """

    width: int = 5
    length: float = 1.0
    coverage: float = 0.0
    blocked: int = 0


class Hypotheses(NamedTuple):
    """The ``width`` best of each sequence, best first; ``end`` fills up what follows an end."""

    tokens: Int[Array, "B K T"]
    scores: Float[Array, "B K"]  # by which they are ranked
    nats: Float[Array, "B K"]  # log-probabilities


class Beams(NamedTuple):
    """Where the search stands."""

    place: Array
    carry: Carry  # every leaf [B, K, ...]
    tokens: Int[Array, "B K T"]
    nats: Float[Array, "B K"]
    scores: Float[Array, "B K"]
    lengths: Int[Array, "B K"]
    over: Bool[Array, "B K"]


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
    """The ``config.width`` best continuations of ``first`` of at most ``limit`` tokens.

        score(y) = log p(y) / lp(y) + cp(y),    lp(y) = ((5 + |y|) / 6)^alpha
        cp(y) = beta sum_s log min(covered_s, 1)

    Wu et al. (2016), arXiv:1609.08144.  ``step`` is given a carry and tokens of ``[B, K]``.  A
    hypothesis that has ended keeps its place among the others until better ones push it out.  The
    coverage penalty needs ``covered(carry) -> [B, K, S]``, how much each position of the source was
    attended to (1 where there is none); it counts for a hypothesis when it ends.

    >>> def count(carry, token):  # after token n comes n + 1, or, less likely, n + 2
    ...     return carry, 3.0 * jax.nn.one_hot(token + 1, 5) + 2.0 * jax.nn.one_hot(token + 2, 5)
    >>> found = beam_search(count, (), jnp.array([1]), BeamConfig(2, 0.0), end=4, limit=4)
    >>> found.tokens.tolist()
    [[[2, 3, 4, 4], [3, 4, 4, 4]]]
    """
    beams = start(carry, first, config.width, end, limit)
    first = jnp.broadcast_to(first[:, None], beams.nats.shape)

    def unfinished(beams: Beams) -> Array:
        return (beams.place < limit) & ~jnp.all(beams.over)

    def extend(beams: Beams) -> Beams:
        before = jax.lax.dynamic_index_in_dim(
            beams.tokens, jnp.maximum(beams.place - 1, 0), axis=-1, keepdims=False
        )
        carry, logits = step(beams.carry, jnp.where(beams.place == 0, first, before))
        nats = jax.nn.log_softmax(logits.astype(jnp.float32))
        nats = without_repeats(nats, beams.tokens, beams.place, config.blocked)
        ending = coverage_penalty(covered(carry), config.coverage) if covered else jnp.zeros(())
        return best(beams, carry, nats, ending, config.length, end)

    beams = jax.lax.while_loop(unfinished, extend, beams)
    return Hypotheses(beams.tokens, beams.scores, beams.nats)


def start(carry: Carry, first: Int[Array, "B"], width: int, end: int, limit: int) -> Beams:
    """One hypothesis, and ``width - 1`` that any other beats."""
    shape = (*first.shape, width)
    nats = jnp.broadcast_to(jnp.where(jnp.arange(width) == 0, 0.0, LOWEST), shape)
    tokens = jnp.full((*shape, limit), end, first.dtype)
    over, lengths = jnp.zeros(shape, bool), jnp.zeros(shape, jnp.int32)
    return Beams(jnp.int32(0), copies(carry, width), tokens, nats, nats, lengths, over)


def copies(carry: Carry, width: int) -> Carry:
    """The carry of each sequence for ``width`` hypotheses, ``[B, K, ...]``."""
    return jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf[:, None], (leaf.shape[0], width, *leaf.shape[1:])), carry
    )


def best(
    beams: Beams, carry: Carry, nats: Float[Array, "B K V"], ending: Array, alpha: float, end: int
) -> Beams:
    """The best ``K`` of all that the hypotheses may become; ``ending`` is added to an end."""
    (batch, width, vocabulary), over = nats.shape, beams.over[..., None]
    ends = jnp.broadcast_to(jnp.arange(vocabulary) == end, nats.shape)
    stay = jnp.where(ends, 0.0, LOWEST)  # what is over has one continuation: itself
    nats = jnp.where(over, stay, nats) + beams.nats[..., None]
    lengths = beams.lengths + (~beams.over).astype(jnp.int32)
    scores = nats / length_penalty(lengths, alpha)[..., None]
    scores = scores + jnp.where(ends, jnp.broadcast_to(ending, over.shape[:-1])[..., None], 0.0)
    scores = jnp.where(over, stay + beams.scores[..., None], scores)
    scores, chosen = jax.lax.top_k(scores.reshape(batch, -1), width)
    rows, token = chosen // vocabulary, (chosen % vocabulary).astype(beams.tokens.dtype)

    def pick(leaf: Array) -> Array:
        return jax.vmap(lambda one, row: one[row])(leaf, rows)

    return Beams(
        place=beams.place + 1,
        carry=jax.tree.map(pick, carry),
        tokens=pick(beams.tokens).at[..., beams.place].set(token),
        nats=jnp.take_along_axis(nats.reshape(batch, -1), chosen, axis=-1),
        scores=scores,
        lengths=pick(lengths),
        over=pick(beams.over) | (token == end),
    )


def length_penalty(lengths: Int[Array, "*B"], alpha: float) -> Float[Array, "*B"]:
    """``((5 + |y|) / 6)^alpha``: with alpha above 0, long hypotheses lose less by their length."""
    return ((5.0 + lengths.astype(jnp.float32)) / 6.0) ** alpha


def coverage_penalty(covered: Float[Array, "*B S"], beta: float) -> Float[Array, "*B"]:
    """``beta sum_s log min(covered_s, 1)``: what was not attended to is missing in the target."""
    return beta * jnp.sum(jnp.log(jnp.clip(covered, 1e-6, 1.0)), axis=-1)


def without_repeats(
    nats: Float[Array, "B K V"], tokens: Int[Array, "B K T"], place: Array, size: int
) -> Float[Array, "B K V"]:
    """No probability for a token that would complete an n-gram of this size a second time."""
    starts = tokens.shape[-1] - size + 1
    if size < 1 or starts < 1:
        return nats
    last = jax.lax.dynamic_slice_in_dim(tokens, place - size + 1, max(size - 1, 1), axis=-1)
    again = jnp.broadcast_to(jnp.arange(starts) + size - 1 < place, (*nats.shape[:2], starts))
    for offset in range(size - 1):
        again = again & (tokens[..., offset : offset + starts] == last[..., offset, None])
    ban = jax.vmap(jax.vmap(lambda row, token, hit: row.at[token].min(hit)))
    return ban(nats, tokens[..., size - 1 :], jnp.where(again, LOWEST, 0.0))
