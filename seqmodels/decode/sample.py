"""The sampling loop, and draws of tokens with temperature, top-k and top-p."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.engines.problem import where, zeros_like
from seqmodels.types import Array, Carry, Float, Int, Key, PyTree

Step = Callable[[Carry, Any], tuple[Carry, Any]]  # (carry, value) -> (carry, outputs)
Draw = Callable[[Key[Array, ""] | None, Any], PyTree]  # (key, outputs) -> value


class SampleState(NamedTuple):
    """Where sampling continues.

    carry, outputs: what ``step`` returned; the next value is drawn from the outputs
    key:            None draws the most likely value or the mean
    value, ended:   the last value and the rows that have ended, if sampling has a ``stop``
    """

    carry: Carry
    outputs: Any
    key: Key[Array, ""] | None
    value: PyTree = None
    ended: Any = None  # bool [*B]


def sample(
    step: Step,
    state: SampleState,
    length: int,
    *,
    draw: Draw,
    stop: Callable[[PyTree], Array] | None = None,
) -> tuple[SampleState, PyTree]:
    """Draw ``length`` values, one after another; return the state to continue from, and the values.

        y_t = draw(key_t, outputs_{t-1}),    carry_t, outputs_t = step(carry_{t-1}, y_t)

    Values are trees of ``[*B, ...]``: tokens, frames, pen strokes.  Sampling in several calls gives
    the same values as sampling in one.

    draw: ``(key, outputs) -> y``.  The key is None if the state has none.
    stop: ``(y) -> bool [*B]``, the rows that end with this value.  They repeat it from then on, and
          the loop ends when all rows have ended.  Without ``stop`` the loop is differentiable.

    >>> def count(carry, token):  # after token n comes n + 1
    ...     return carry, 50.0 * jax.nn.one_hot(token + 1, 5)
    >>> state = SampleState(*count((), jnp.array([0, 1])), jax.random.key(0))
    >>> sample(count, state, 3, draw=sample_token)[1].T.tolist()
    [[1, 2, 3], [2, 3, 4]]
    >>> greedy = state._replace(key=None)
    >>> sample(count, greedy, 5, draw=sample_token, stop=lambda y: y == 3)[1].T.tolist()
    [[1, 2, 3, 3, 3], [2, 3, 3, 3, 3]]
    """

    def extend(state: SampleState) -> tuple[SampleState, PyTree]:
        key, key_t = (None, None) if state.key is None else jax.random.split(state.key)
        value = draw(key_t, state.outputs)
        if stop is None:
            return SampleState(*step(state.carry, value), key), value
        value = where(state.ended, state.value, value)
        ended = state.ended | stop(value)
        return SampleState(*step(state.carry, value), key, value, ended), value

    if stop is None:
        state = SampleState(state.carry, state.outputs, state.key)
        return jax.lax.scan(lambda state, _: extend(state), state, length=length)
    return _extend_until_all_ended(extend, _start_rows(state, draw, stop), length)


def _start_rows(state: SampleState, draw: Draw, stop: Callable) -> SampleState:
    """Return a state in which no row has ended, unless it continues another."""
    if state.ended is not None:
        return state
    value = jax.eval_shape(draw, state.key, state.outputs)
    value, ended = zeros_like(value), zeros_like(jax.eval_shape(stop, value))
    return state._replace(value=value, ended=ended)


def _extend_until_all_ended(
    extend: Callable[[SampleState], tuple[SampleState, PyTree]], state: SampleState, length: int
) -> tuple[SampleState, PyTree]:
    """Draw values into a buffer; after the end of all rows it repeats the last values."""
    buffer = jax.tree.map(lambda a: jnp.zeros((length, *a.shape), a.dtype), state.value)
    if not length:
        return state, buffer

    def is_unfinished(loop: tuple) -> Array:
        position, state, _ = loop
        return (position < length) & ~jnp.all(state.ended)

    def body(loop: tuple) -> tuple:
        position, state, values = loop
        state, value = extend(state)
        values = jax.tree.map(lambda a, new: a.at[position].set(new), values, value)
        return position + 1, state, values

    position, state, values = jax.lax.while_loop(is_unfinished, body, (jnp.int32(0), state, buffer))
    last = jax.tree.map(lambda a, like: jnp.broadcast_to(a, like.shape), state.value, values)
    return state, where(jnp.arange(length) < position, values, last)


def sample_token(
    key: Key[Array, ""] | None,
    logits: Float[Array, "*B V"],
    *,
    temperature: float | Array = 1.0,
    top_k: int | Array = 0,
    top_p: float | Array = 1.0,
) -> Int[Array, "*B"]:
    """Draw one token per row from ``softmax(z / temperature)``, truncated by top-k and top-p.

        argmax_v z_v + temperature * Gumbel noise      (temperature 0: greedy)

    Without a key, return the most likely token.  ``top_k`` keeps the k most likely tokens (0: all;
    Fan et al. 2018).  ``top_p`` keeps the fewest tokens with at least this much probability,
    Holtzman et al. (2020), arXiv:1904.09751.

    >>> logits = jnp.log(jnp.array([0.5, 0.3, 0.2]))
    >>> keys = jax.random.split(jax.random.key(0), 200)
    >>> draw = jax.jit(jax.vmap(lambda key: sample_token(key, logits, top_p=0.6)))
    >>> sorted(set(draw(keys).tolist()))
    [0, 1]
    >>> int(sample_token(keys[0], logits, temperature=0.0))
    0
    """
    if key is None:
        return jnp.argmax(logits, axis=-1)
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
