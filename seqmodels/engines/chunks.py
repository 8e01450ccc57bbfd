"""Time in chunks: long enough for one large matmul, short enough for the cache."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from seqmodels.engines.problem import join_time, split_time
from seqmodels.types import Carry, PyTree

CHUNK_BYTES = 2**21  # of gates: a chunk's arrays should stay in the cache


def chunk_length(length: int, step_bytes: int) -> int:
    """The largest number of steps whose gates fit ``CHUNK_BYTES``, preferring divisors of T.

    On an accelerator memory is flat and launches are dear: there the whole sequence is one chunk.
    """
    if jax.default_backend() != "cpu":
        return length
    most = max(4, min(length, CHUNK_BYTES // max(step_bytes, 1)))
    divisors = [k for k in range(most // 2, most + 1) if length % k == 0]
    return max(divisors, default=most)


def scan_in_chunks(
    step: Callable, rows: Callable, carry: Carry, sequence: PyTree, steps: int
) -> tuple[Carry, PyTree]:
    """``lax.scan(step, carry, rows(sequence))``, with ``rows`` applied to one chunk at a time.

    Each output is written to its place in the whole: stacked by chunk, it would be copied again.
    """

    def write(state: tuple[Carry, PyTree], inputs: tuple) -> tuple[tuple[Carry, PyTree], None]:
        carry, outs = state
        index, row = inputs
        carry, out = step(carry, row)
        place = partial(jax.lax.dynamic_update_index_in_dim, index=index, axis=0)
        return (carry, jax.tree.map(place, outs, out)), None

    def chunk(state: tuple[Carry, PyTree], inputs: tuple) -> tuple[tuple[Carry, PyTree], None]:
        indices, part = inputs
        return jax.lax.scan(write, state, (indices, rows(part)))

    first = lambda carry, part: step(carry, jax.tree.map(lambda a: a[0], rows(part)))  # noqa: E731
    _, out = jax.eval_shape(first, carry, sequence)
    length = jax.tree.leaves(sequence)[0].shape[0]
    outs = jax.tree.map(lambda a: jnp.zeros((length, *a.shape), a.dtype), out)
    indexed = jnp.arange(length), sequence
    (carry, outs), _ = over_chunks(chunk, (carry, outs), indexed, steps)
    return carry, outs


def over_chunks(
    body: Callable, state: PyTree, sequence: PyTree, steps: int, reverse: bool = False
) -> tuple[PyTree, PyTree]:
    """``lax.scan`` of ``body`` over chunks of ``steps``; what remains is a shorter last chunk."""
    length = jax.tree.leaves(sequence)[0].shape[0]
    if steps == length:
        return body(state, sequence)
    chunks, rest = split_time(sequence, length, steps)
    out = None
    if reverse and length % steps:
        state, out = body(state, rest)
    state, outs = jax.lax.scan(body, state, chunks, reverse=reverse)
    if not reverse and length % steps:
        state, out = body(state, rest)
    return state, join_time(outs, out)
