"""The ``fused`` engine with compiled loops, for plain LSTMs, GRUs and RNNs on CPUs.

One C++ call runs all forward steps, including the input matmul for batches of ``MIN_ROWS`` rows or
more.  Another call runs the backward steps of a chunk.  The gradients of the weights remain matmuls
of XLA.  Each call distributes its work over XLA's thread pool at every step, which XLA itself does
not do for matmuls this small.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.gru import GRUResiduals
from seqmodels.cells.lstm import LSTMResiduals
from seqmodels.engines.fused import Loops, Residuals, StaticArguments, StepInputs, run_recurrence
from seqmodels.engines.native.build import constant, library
from seqmodels.engines.problem import Problem, structured_refusal
from seqmodels.types import Array, Carry, Cotangents, Float, Params

MIN_ROWS = 8  # rows of a batch below which XLA's input matmul for all steps at once is faster


class Native(NamedTuple):
    """Run a plain LSTM, GRU or RNN in float32 or bfloat16 by compiled kernels; no forward mode."""

    def refusal(self, problem: Problem) -> str | None:
        return structured_refusal(problem) or self.kernel_refusal(problem)

    def kernel_refusal(self, problem: Problem) -> str | None:
        """Return why the kernels cannot run a structured problem, or ``None`` if they can."""
        if problem.structured.plain not in KERNEL_SPECS:
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

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        return run_recurrence(problem, loops=Loops(forward, chunk_pullback))


class KernelSpec(NamedTuple):
    """The properties of a cell in ``cells.h`` that determine the arrays of its kernels."""

    gates: int
    biases: Callable[[Params], list[Array]]  # one bias for each sum of products
    residuals: Callable[..., Any]  # makes the cell's residuals from arrays
    widths: tuple[int, ...]  # of these arrays, in multiples of H
    separate: bool  # whether the cotangents of projection and recurrent matmul differ


RNN_SPEC = KernelSpec(1, lambda p: [p["b"]], lambda h: h, (1,), separate=False)
KERNEL_SPECS = {
    "lstm": KernelSpec(4, lambda p: [p["b"]], LSTMResiduals, (4, 1), separate=False),
    "gru": KernelSpec(3, lambda p: [p["b"], p["bh"]], GRUResiduals, (2, 1, 1), separate=True),
    "rnn": RNN_SPEC,
    "irnn": RNN_SPEC,
}


def forward(
    static: StaticArguments,
    params: Params,
    inputs: StepInputs,
    carry: Carry,
    start: Carry,
    *,
    keep: bool,
) -> tuple[Carry, tuple[Array, Residuals | None]]:
    """Return the final carry, the outputs and, with ``keep``, the residuals of every step."""
    spec, states = KERNEL_SPECS[static.form.plain], jax.tree.leaves(carry)
    x, (*batch, hidden) = inputs.x.astype(params["wh"].dtype), states[0].shape
    length, rows = x.shape[0], math.prod(batch)

    widths = (*[1] * len(states), *spec.widths) if keep else ()
    sizes = [width * hidden for width in (1, *widths)]
    shapes = [(len(states), rows, hidden), *((length, rows, size) for size in sizes)]
    dtypes = [jnp.float32, x.dtype, *[jnp.float32] * len(widths)]
    end, *outputs = kernel(static, f"forward_{x.dtype}", shapes, dtypes)(
        *input_arrays(static, spec, params, x, rows),
        *(stack_states(tree, rows) for tree in (carry, start)),
        *(flatten_flags(a, rows) for a in (inputs.mask, inputs.reset)),
    )
    ys, *saved = (a.reshape(length, *batch, n) for a, n in zip(outputs, sizes, strict=True))
    unstack = partial(jax.tree.unflatten, jax.tree.structure(carry))
    carry = unstack(end.reshape(len(states), *batch, hidden))
    if not keep:
        return carry, (ys, None)
    previous, update = unstack(saved[: len(states)]), spec.residuals(*saved[len(states) :])
    return carry, (ys, Residuals(previous, update))


def input_arrays(
    static: StaticArguments, spec: KernelSpec, params: Params, x: Array, rows: int
) -> list[Array]:
    """Return the inputs or their projection, the biases and the weights, packed for the kernel."""
    weights = [params["wx"], params["wh"]]
    if rows < MIN_ROWS:
        inputs = [empty(x.dtype), flatten_batch(static.form.project(params, x), rows)]
        weights = weights[1:]
    else:
        inputs = [pad_to_groups(flatten_batch(x, rows), -1), empty()]
    biases = jnp.concatenate(spec.biases(params)).astype(jnp.float32)
    vectors = constant(f"{static.form.plain}_vectors")
    panels = [pack_gates(w, spec.gates, vectors) for w in weights]
    hidden = params["wh"].shape[0]
    return [
        *inputs,
        pack_gates(biases[None], len(biases) // hidden, vectors),
        jnp.concatenate(panels, axis=1),
    ]


def chunk_pullback(
    static: StaticArguments,
    params: Params,
    inputs: StepInputs,
    residuals: Residuals,
    dys: Array,
    clip: Any,
) -> Callable:
    """Return ``(dcarries, indices, ...) -> (dcarries, cotangents)`` of a chunk."""
    spec, states = KERNEL_SPECS[static.form.plain], jax.tree.leaves(residuals.previous)
    (_, *batch, hidden), rows = states[0].shape, math.prod(states[0].shape[1:-1])
    weights = pack_columns(params["wh"].T.astype(jnp.float32))
    dys = flatten_batch(dys.astype(jnp.float32), rows)
    flags = [flatten_flags(a, rows) for a in (inputs.mask, inputs.reset)]
    saved = [flatten_batch(a, rows) for a in jax.tree.leaves(residuals)]
    unstack = partial(jax.tree.unflatten, jax.tree.structure(residuals.previous))

    def pull(dcarries: tuple[Carry, Carry], indices: Array, *_: Any) -> tuple[tuple, Cotangents]:
        stacked = [stack_states(tree, rows) for tree in dcarries]
        size = spec.gates * hidden
        shapes = [a.shape for a in stacked] + [(len(indices), rows, size)] * (1 + spec.separate)
        first = indices[0].astype(jnp.int32)
        run = kernel(static, "backward", shapes)
        dcarry, dstart, *steps = run(weights, dys, *flags, first, *stacked, *saved)
        da, *du = (a.reshape(len(indices), *batch, size) for a in steps)
        results = [
            None if tree is None else unstack(d.reshape(len(states), *batch, hidden))
            for tree, d in zip(dcarries, (dcarry, dstart), strict=True)
        ]
        return tuple(results), Cotangents(None, None, du[0] if du else None, da)

    return pull


def kernel(
    static: StaticArguments, name: str, shapes: list, dtypes: list | None = None
) -> Callable:
    """Return a compiled kernel as a function of arrays; by default its results are float32."""
    dtypes = dtypes or [jnp.float32] * len(shapes)
    results = [jax.ShapeDtypeStruct(*pair) for pair in zip(shapes, dtypes, strict=True)]
    return jax.ffi.ffi_call(f"seqmodels_{static.form.plain}_{name}", results)


def flatten_batch(a: Array, rows: int) -> Array:
    """Reshape ``[T, *B, F]`` to ``[T, rows, F]``."""
    return a.reshape(len(a), rows, a.shape[-1])


def flatten_flags(a: Array | None, rows: int) -> Array:
    """Reshape a mask ``[T, *B]`` to ``[T, rows]``; an absent one becomes ``[0]``."""
    return jnp.zeros((0,), bool) if a is None else a.reshape(len(a), rows)


def stack_states(carry: Carry | None, rows: int) -> Array:
    """Stack the states of a carry to ``[S, rows, H]``; an absent carry becomes ``[0]``."""
    if carry is None:
        return empty()
    return jnp.stack([a.reshape(rows, a.shape[-1]) for a in jax.tree.leaves(carry)])


def empty(dtype: Any = jnp.float32) -> Array:
    """Return an empty placeholder for an absent argument."""
    return jnp.zeros((0,), dtype)


def group_size(dtype: Any) -> int:
    """Return how many numbers of a dtype one multiply instruction combines."""
    return 4 // jnp.dtype(dtype).itemsize


def pad_to_groups(a: Array, axis: int) -> Array:
    """Pad an axis with zeros to a multiple of the group size."""
    missing = -a.shape[axis] % group_size(a.dtype)
    return jnp.pad(a, [(0, missing if k == axis % a.ndim else 0) for k in range(a.ndim)])


def pack_gates(w: Float[Array, "K GH"], gates: int, vectors: int) -> Float[Array, "P N"]:
    """Pack weights into panels, each with all gates of ``vectors`` vectors of units.

    The last panel is padded with zeros.  Within a column the rows of a group are contiguous.
    """
    w, lanes = pad_to_groups(w, 0), constant("lanes")
    split = w.reshape(-1, group_size(w.dtype), gates, w.shape[-1] // gates)
    missing = -split.shape[-1] % (vectors * lanes)
    padded = jnp.pad(split, [(0, 0), (0, 0), (0, 0), (0, missing)])
    columns = padded.reshape(*padded.shape[:3], -1, vectors, lanes)  # [K, group, G, P, V, L]
    columns = columns.transpose(3, 4, 2, 0, 5, 1)
    return split_panels(columns.reshape(len(columns), vectors * gates, *columns.shape[3:]))


def pack_columns(w: Float[Array, "K H"]) -> Float[Array, "P N"]:
    """Pack a matrix into panels of four vectors of columns; the last is padded with zeros."""
    lanes = constant("lanes")
    padded = jnp.pad(w, [(0, 0), (0, -w.shape[-1] % (4 * lanes))])
    return split_panels(jnp.moveaxis(padded.reshape(len(w), -1, 4, lanes), 0, 2))


def split_panels(panels: Float[Array, "P C K *L"]) -> Float[Array, "P N"]:
    """Split panels into parts of as many columns as the kernels multiply at once, and flatten."""
    count, size = panels.shape[:2]
    parts = -(-size // constant("columns"))
    split = panels.reshape(count, parts, size // parts, *panels.shape[2:])
    return jnp.swapaxes(split, 2, 3).reshape(count, -1)
