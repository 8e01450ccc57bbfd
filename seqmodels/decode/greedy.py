"""The likeliest next token, again and again."""

import jax
import jax.numpy as jnp

from seqmodels.decode.sample import Step
from seqmodels.types import Array, Carry, Int


def greedy(
    step: Step, carry: Carry, first: Int[Array, "*B"], *, end: int, limit: int
) -> Int[Array, "T *B"]:
    """At most ``limit`` tokens after ``first``, each the likeliest; ``end`` fills up what follows.

        y_t = argmax_v p(v | y_1 ... y_{t-1})

    It stops when every sequence has ended.

    >>> def count(carry, token):  # after token n comes n + 1
    ...     return carry, jax.nn.one_hot(token + 1, 5)
    >>> greedy(count, (), jnp.array([0, 2]), end=4, limit=6).T.tolist()
    [[1, 2, 3, 4, 4, 4], [3, 4, 4, 4, 4, 4]]
    """
    tokens = jnp.full((limit, *first.shape), end, first.dtype)

    def unfinished(state: tuple) -> Array:
        place, _, token, _ = state
        return (place < limit) & ((place == 0) | jnp.any(token != end))

    def extend(state: tuple) -> tuple:
        place, carry, token, tokens = state
        over = (place > 0) & (token == end)
        carry, logits = step(carry, token)
        best = jnp.argmax(logits, axis=-1).astype(token.dtype)
        token = jnp.where(over, jnp.full_like(token, end), best)
        return place + 1, carry, token, tokens.at[place].set(token)

    return jax.lax.while_loop(unfinished, extend, (jnp.int32(0), carry, first, tokens))[-1]
