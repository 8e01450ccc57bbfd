"""LSTMs, GRUs and RNNs on a CPU, steps compiled from C++ (``python -m seqmodels.engines.native``).

The engine is ``fused`` with other loops.  Forwards, one call takes all steps, the input matmul
among them; backwards, one call takes the steps of a chunk, and the gradients of weights are XLA's
matmuls as before.  The calls share their work out over XLA's threads at every step, which XLA
does not do with matmuls as small as these.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.gru import Kept as GRUKept
from seqmodels.cells.lstm import Kept as LSTMKept
from seqmodels.engines.fused import Kept, Loops, Sequence, Static, solve
from seqmodels.engines.native.build import constant, library
from seqmodels.engines.problem import Problem
from seqmodels.types import Array, Carry, Cotangents, Float, Params

FEW = 8  # rows of a batch below which XLA does the input matmul, for all steps at once


class Native(NamedTuple):
    """Takes plain LSTMs, GRUs and RNNs in float32 or bfloat16; no forward mode."""

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        return solve(problem, loops=Loops(forwards, pull_steps))

    def refusal(self, problem: Problem) -> str | None:
        """Why it cannot run a problem; ``None`` where it can."""
        if problem.structured.plain not in KINDS:
            return "needs an LSTM, GRU or RNN (tanh, relu) without options"
        if problem.clip is not None:
            return "does not clip gradients within a sequence"
        if jax.default_backend() != "cpu":
            return f"needs a CPU, not {jax.default_backend()}"
        if library() is None:
            return "needs its kernels compiled: python -m seqmodels.engines.native"
        if {a.dtype for a in jax.tree.leaves(problem.carry)} != {jnp.dtype(jnp.float32)}:
            return "needs a state in float32"
        if problem.kernel.dtype not in (jnp.float32, jnp.bfloat16):
            return "needs matmuls in float32 or bfloat16"
        return None


class Kind(NamedTuple):
    """What the kernels know of a cell (``native/cells.h``)."""

    gates: int
    biases: Callable[[Params], list[Array]]  # of every sum of products
    kept: Callable[..., Any]  # what the cell's derivatives need, from arrays
    widths: tuple[int, ...]  # of these arrays, in units
    apart: bool  # whether the cotangents of the projection are not those of the recurrent matmul


RNN = Kind(1, lambda p: [p["b"]], lambda h: h, (1,), apart=False)
KINDS = {
    "lstm": Kind(4, lambda p: [p["b"]], LSTMKept, (4, 1), apart=False),
    "gru": Kind(3, lambda p: [p["b"], p["bh"]], GRUKept, (2, 1, 1), apart=True),
    "rnn": RNN,
    "irnn": RNN,
}


def forwards(
    static: Static, params: Params, sequence: Sequence, carry: Carry, start: Carry, *, keep: bool
) -> tuple[Carry, tuple[Array, Kept | None]]:
    """The final carry, the outputs, and what the backward pass needs of every step."""
    kind, states = KINDS[static.form.plain], jax.tree.leaves(carry)
    x, (*batch, hidden) = sequence.x.astype(params["wh"].dtype), states[0].shape
    length, rows = x.shape[0], math.prod(batch)
    weights = [params["wx"], params["wh"]]
    if rows < FEW:
        given = [absent(x.dtype), flat(static.form.project(params, x), rows)]
        weights = weights[1:]
    else:
        given = [whole_groups(flat(x, rows), -1), absent()]
    biases = jnp.concatenate(kind.biases(params)).astype(jnp.float32)
    vectors = constant(f"{static.form.plain}_vectors")

    widths = (*[1] * len(states), *kind.widths) if keep else ()
    sizes = [width * hidden for width in (1, *widths)]
    shapes = [(len(states), rows, hidden), *((length, rows, size) for size in sizes)]
    dtypes = [jnp.float32, x.dtype, *[jnp.float32] * len(widths)]
    end, *whole = call(static, f"forwards_{x.dtype}", shapes, dtypes)(
        *given,
        by_units(biases[None], len(biases) // hidden, vectors),
        jnp.concatenate([by_units(w, kind.gates, vectors) for w in weights], axis=1),
        *(stacked(tree, rows) for tree in (carry, start)),
        *(flags(a, rows) for a in (sequence.mask, sequence.reset)),
    )
    ys, *kept = (a.reshape(length, *batch, n) for a, n in zip(whole, sizes, strict=True))
    unstack = partial(jax.tree.unflatten, jax.tree.structure(carry))
    carry = unstack(end.reshape(len(states), *batch, hidden))
    if not keep:
        return carry, (ys, None)
    return carry, (ys, Kept(unstack(kept[: len(states)]), kind.kept(*kept[len(states) :])))


def pull_steps(
    static: Static, params: Params, sequence: Sequence, kept: Kept, dys: Array, clip: Any
) -> Callable:
    """A chunk backwards: ``(state, indices, ...) -> (state, cotangents)``."""
    kind, states = KINDS[static.form.plain], jax.tree.leaves(kept.before)
    (_, *batch, hidden), rows = states[0].shape, math.prod(states[0].shape[1:-1])
    whole = [by_columns(params["wh"].T.astype(jnp.float32)), flat(dys.astype(jnp.float32), rows)]
    whole += [flags(a, rows) for a in (sequence.mask, sequence.reset)]
    after = [flat(a, rows) for a in jax.tree.leaves(kept)]
    unstack = partial(jax.tree.unflatten, jax.tree.structure(kept.before))

    def pull(state: tuple[Carry, Carry], indices: Array, *_: Any) -> tuple[tuple, Cotangents]:
        given = [stacked(tree, rows) for tree in state]
        size = kind.gates * hidden
        shapes = [a.shape for a in given] + [(len(indices), rows, size)] * (1 + kind.apart)
        run = call(static, "backwards", shapes)
        dcarry, dstart, *steps = run(*whole, indices[0].astype(jnp.int32), *given, *after)
        da, *du = (a.reshape(len(indices), *batch, size) for a in steps)
        ends = [
            None if tree is None else unstack(d.reshape(len(states), *batch, hidden))
            for tree, d in zip(state, (dcarry, dstart), strict=True)
        ]
        return tuple(ends), Cotangents(None, None, du[0] if du else None, da)

    return pull


def call(static: Static, name: str, shapes: list, dtypes: list | None = None) -> Callable:
    """A compiled kernel as a function of arrays; its results are float32 unless told otherwise."""
    dtypes = dtypes or [jnp.float32] * len(shapes)
    results = [jax.ShapeDtypeStruct(*pair) for pair in zip(shapes, dtypes, strict=True)]
    return jax.ffi.ffi_call(f"seqmodels_{static.form.plain}_{name}", results)


def flat(a: Array, rows: int) -> Array:
    """``[T, *B, F]`` with all batch axes as one."""
    return a.reshape(len(a), rows, a.shape[-1])


def flags(a: Array | None, rows: int) -> Array:
    """A mask for the kernel, ``[0]`` where there is none."""
    return jnp.zeros((0,), bool) if a is None else a.reshape(len(a), rows)


def stacked(carry: Carry | None, rows: int) -> Array:
    """The states of a carry as one array ``[S, B, H]``, ``[0]`` where there is none."""
    if carry is None:
        return absent()
    return jnp.stack([a.reshape(rows, a.shape[-1]) for a in jax.tree.leaves(carry)])


def absent(dtype: Any = jnp.float32) -> Array:
    """An array that is not there."""
    return jnp.zeros((0,), dtype)


def group(dtype: Any) -> int:
    """How many numbers of this dtype the kernels multiply at a time."""
    return 4 // jnp.dtype(dtype).itemsize


def whole_groups(a: Array, axis: int) -> Array:
    """Zeros at the end of an axis where it is not made of whole groups."""
    missing = -a.shape[axis] % group(a.dtype)
    return jnp.pad(a, [(0, missing if k == axis % a.ndim else 0) for k in range(a.ndim)])


def by_units(w: Float[Array, "K GH"], gates: int, vectors: int) -> Float[Array, "P N"]:
    """A panel for one or more vectors of units: the columns of all their gates.

    Zeros fill the last.  A group of rows lies side by side in each column.
    """
    w, lanes = whole_groups(w, 0), constant("lanes")
    split = w.reshape(-1, group(w.dtype), gates, w.shape[-1] // gates)
    wide = jnp.pad(split, [(0, 0), (0, 0), (0, 0), (0, -split.shape[-1] % (vectors * lanes))])
    columns = wide.reshape(*wide.shape[:3], -1, vectors, lanes)  # [K, group, G, P, V, L]
    columns = columns.transpose(3, 4, 2, 0, 5, 1)
    return in_parts(columns.reshape(len(columns), vectors * gates, *columns.shape[3:]))


def by_columns(w: Float[Array, "K H"]) -> Float[Array, "P N"]:
    """A panel for every four vectors of columns; zeros fill the last."""
    lanes = constant("lanes")
    wide = jnp.pad(w, [(0, 0), (0, -w.shape[-1] % (4 * lanes))])
    return in_parts(jnp.moveaxis(wide.reshape(len(w), -1, 4, lanes), 0, 2))


def in_parts(panels: Float[Array, "P C K *L"]) -> Float[Array, "P N"]:
    """As many columns side by side as are multiplied at a time, one such part after the other."""
    count, size = panels.shape[:2]
    parts = -(-size // constant("columns"))
    split = panels.reshape(count, parts, size // parts, *panels.shape[2:])
    return jnp.swapaxes(split, 2, 3).reshape(count, -1)
