"""Scans over chunks of time steps, large enough for fast matmuls and small enough for the cache."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from seqmodels.engines.problem import join_time, split_time
from seqmodels.types import Array, Carry, PyTree

CHUNK_BYTES = 2**21  # gates of a chunk; its arrays should fit in the cache


def chunk_length(length: int, step_bytes: int) -> int:
    """Return the largest number of steps whose gates fit ``CHUNK_BYTES``, preferring divisors of T.

    On an accelerator the whole sequence is one chunk, because kernel launches are expensive there
    and a chunk gains nothing from a cache.
    """
    if jax.default_backend() != "cpu":
        return length
    most = max(4, min(length, CHUNK_BYTES // max(step_bytes, 1)))
    divisors = [k for k in range(most // 2, most + 1) if length % k == 0]
    return max(divisors, default=most)


def scan_gates(gates: int, step: Callable, carry: Carry, rows: tuple) -> tuple[Carry, PyTree]:
    """Run ``lax.scan(step, carry, rows)`` with ``rows[0]`` of each step split into its gates.

    XLA's CPU backend does not vectorise code that reads a slice of a dynamic slice, so each gate is
    sliced directly from the array of all steps.
    """
    whole, *others = rows
    shape = (1, *whole.shape[1:-1], whole.shape[-1] // gates)

    def body(carry: Carry, inputs: tuple) -> tuple[Carry, PyTree]:
        index, *others = inputs
        starts = [(index, *(0,) * (whole.ndim - 2), gate * shape[-1]) for gate in range(gates)]
        parts = tuple(jax.lax.dynamic_slice(whole, start, shape)[0] for start in starts)
        return step(carry, (parts, *others))

    return jax.lax.scan(body, carry, (jnp.arange(whole.shape[0]), *others))


def scan_in_place(step: Callable, carry: Carry, rows: tuple) -> tuple[Carry, Array]:
    """Run ``lax.scan(step, carry, rows)``; the outputs overwrite ``rows[0]``."""
    whole, *others = rows

    def body(state: tuple[Carry, Array], inputs: tuple) -> tuple[tuple[Carry, Array], None]:
        carry, whole = state
        index, *others = inputs
        row = jax.lax.dynamic_index_in_dim(whole, index, axis=0, keepdims=False)
        carry, out = step(carry, (row, *others))
        return (carry, jax.lax.dynamic_update_index_in_dim(whole, out[0], index, axis=0)), None

    (carry, whole), _ = jax.lax.scan(body, (carry, whole), (jnp.arange(len(whole)), *others))
    return carry, whole


def is_in_place(step: Callable, rows: Callable, carry: Carry, sequence: PyTree) -> bool:
    """Return whether ``scan_in_place`` avoids a copy of all outputs at every step.

    This needs a CPU and a step whose only output is its new carry, a ``tanh`` of the shape of
    ``rows[0]``.  If XLA computed output and carry separately, as it does on a GPU and with a cheap
    activation such as ReLU, both would read the row that is overwritten, and XLA would copy.
    """
    if jax.default_backend() != "cpu":
        return False

    def first(carry: Carry, part: PyTree) -> tuple[PyTree, Carry, PyTree]:
        row = jax.tree.map(lambda a: a[0], rows(part))
        return row[0], *step(carry, row)

    closed, (u, _, (y, _)) = jax.make_jaxpr(first, return_shape=True)(carry, sequence)
    outputs = closed.jaxpr.outvars
    fits = isinstance(u, jax.ShapeDtypeStruct) and u == y
    if not (fits and len(outputs) == 3 and outputs[1] is outputs[2]):
        return False
    return any(outputs[1] in e.outvars and e.primitive is jax.lax.tanh_p for e in closed.jaxpr.eqns)


def scan_in_chunks(
    step: Callable,
    rows: Callable,
    carry: Carry,
    sequence: PyTree,
    steps: int,
    scan: Callable[..., tuple[PyTree, PyTree]],
) -> tuple[Carry, PyTree]:
    """Run ``scan(step, carry, rows(sequence))``, applying ``rows`` to one chunk at a time.

    Each step writes its output into the array of all outputs, because stacking the outputs of the
    chunks would copy them once more.
    """

    def write(state: tuple[Carry, PyTree], inputs: tuple) -> tuple[tuple[Carry, PyTree], None]:
        carry, outs = state
        *row, index = inputs
        carry, out = step(carry, tuple(row))
        place = partial(jax.lax.dynamic_update_index_in_dim, index=index, axis=0)
        return (carry, jax.tree.map(place, outs, out)), None

    def chunk(state: tuple[Carry, PyTree], inputs: tuple) -> tuple[tuple[Carry, PyTree], None]:
        indices, part = inputs
        return scan(write, state, (*rows(part), indices))

    first = lambda carry, part: step(carry, jax.tree.map(lambda a: a[0], rows(part)))  # noqa: E731
    _, out = jax.eval_shape(first, carry, sequence)
    length = jax.tree.leaves(sequence)[0].shape[0]
    outs = jax.tree.map(lambda a: jnp.zeros((length, *a.shape), a.dtype), out)
    indexed = jnp.arange(length), sequence
    (carry, outs), _ = scan_chunks(chunk, (carry, outs), indexed, steps)
    return carry, outs


def scan_chunks(
    body: Callable, state: PyTree, sequence: PyTree, steps: int, reverse: bool = False
) -> tuple[PyTree, PyTree]:
    """Scan ``body`` over chunks of ``steps`` time steps; the last chunk may be shorter."""
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
