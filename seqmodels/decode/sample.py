"""Sampling from a step function, with temperature, top-k and top-p."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.types import Array, Carry, Float, Int, Key

Step = Callable[[Carry, Array], tuple[Carry, Array]]  # (carry, token) -> (carry, logits)


class SampleState(NamedTuple):
    """The carry, the logits of the next token, and the key to draw it with."""

    carry: Carry
    logits: Float[Array, "*B V"]
    key: Key[Array, ""]


def sample(
    step: Step,
    state: SampleState,
    length: int,
    *,
    temperature: float | Array = 1.0,
    top_k: int | Array = 0,
    top_p: float | Array = 1.0,
) -> tuple[SampleState, Int[Array, "T *B"]]:
    """Draw ``length`` tokens, one after another; return the state to continue from, and the tokens.

    ``step(carry, token) -> (carry, logits)``.  Sampling in several calls gives the same tokens as
    sampling in one.

    >>> def count(carry, token):  # after token n comes n + 1
    ...     return carry, 50.0 * jax.nn.one_hot(token + 1, 5)
    >>> state = SampleState((), 50.0 * jax.nn.one_hot(jnp.array([0, 1]), 5), jax.random.key(0))
    >>> sample(count, state, 3)[1].T.tolist()
    [[0, 1, 2], [1, 2, 3]]
    """

    def draw(state: SampleState, _: None) -> tuple[SampleState, Array]:
        key, key_t = jax.random.split(state.key)
        token = sample_token(key_t, state.logits, temperature=temperature, top_k=top_k, top_p=top_p)
        return SampleState(*step(state.carry, token), key), token

    return jax.lax.scan(draw, state, length=length)


def sample_token(
    key: Key[Array, ""],
    logits: Float[Array, "*B V"],
    *,
    temperature: float | Array = 1.0,
    top_k: int | Array = 0,
    top_p: float | Array = 1.0,
) -> Int[Array, "*B"]:
    """Draw one token per row from ``softmax(z / temperature)``, truncated by top-k and top-p.

        argmax_v z_v + temperature * Gumbel noise      (temperature 0: greedy)

    ``top_k`` keeps the k most likely tokens (0: all; Fan et al. 2018).  ``top_p`` keeps the fewest
    tokens with at least this much probability, Holtzman et al. (2020), arXiv:1904.09751.

    >>> logits = jnp.log(jnp.array([0.5, 0.3, 0.2]))
    >>> keys = jax.random.split(jax.random.key(0), 200)
    >>> draw = jax.jit(jax.vmap(lambda key: sample_token(key, logits, top_p=0.6)))
    >>> sorted(set(draw(keys).tolist()))
    [0, 1]
    >>> int(sample_token(keys[0], logits, temperature=0.0))
    0
    """
    size = logits.shape[-1]
    ranked, tokens = jax.lax.top_k(logits.astype(jnp.float32), size)
    temperature = jnp.asarray(temperature, jnp.float32)
    shares = jax.nn.softmax(ranked / jnp.maximum(temperature, 1e-6), axis=-1)
    before = jnp.cumsum(shares, axis=-1) - shares  # probability of all more likely tokens
    rank = jax.lax.broadcasted_iota(jnp.int32, ranked.shape, ranked.ndim - 1)
    top_k = jnp.where(jnp.asarray(top_k) > 0, top_k, size)
    allowed = (rank < top_k) & ((rank == 0) | (before < top_p))
    noisy = ranked + temperature * jax.random.gumbel(key, ranked.shape)
    best = jnp.argmax(jnp.where(allowed, noisy, -jnp.inf), axis=-1)
    return jnp.take_along_axis(tokens, best[..., None], axis=-1)[..., 0]
