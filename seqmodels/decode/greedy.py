"""Greedy decoding."""

import jax
import jax.numpy as jnp

from seqmodels.decode.sample import Step
from seqmodels.types import Array, Carry, Int


def greedy(
    step: Step, carry: Carry, first: Int[Array, "*B"], *, end: int, limit: int
) -> Int[Array, "T *B"]:
    """Return the ``limit`` tokens that follow ``first``, each the most likely one.

        y_t = argmax_v p(v | y_1 ... y_{t-1})

    ``step(carry, token) -> (carry, logits)``.  A sequence is padded with ``end`` after its first
    ``end``, and decoding stops when all sequences have ended.

    >>> def count(carry, token):  # after token n comes n + 1
    ...     return carry, jax.nn.one_hot(token + 1, 5)
    >>> greedy(count, (), jnp.array([0, 2]), end=4, limit=6).T.tolist()
    [[1, 2, 3, 4, 4, 4], [3, 4, 4, 4, 4, 4]]
    """
    tokens = jnp.full((limit, *first.shape), end, first.dtype)

    def is_unfinished(state: tuple) -> Array:
        position, _, token, _ = state
        return (position < limit) & ((position == 0) | jnp.any(token != end))

    def extend(state: tuple) -> tuple:
        position, carry, token, tokens = state
        ended = (position > 0) & (token == end)
        carry, logits = step(carry, token)
        best = jnp.argmax(logits, axis=-1).astype(token.dtype)
        token = jnp.where(ended, jnp.full_like(token, end), best)
        return position + 1, carry, token, tokens.at[position].set(token)

    return jax.lax.while_loop(is_unfinished, extend, (jnp.int32(0), carry, first, tokens))[-1]
