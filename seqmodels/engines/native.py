"""The plain LSTM on a CPU, its steps compiled from C++ (``python -m seqmodels.native``).

The engine is ``fused`` with other loops.  Forwards, one call takes all steps, the input matmul
among them; backwards, one call takes the steps of a chunk, and the gradients of weights are XLA's
matmuls as before.  The calls share their work out over XLA's threads at every step, which XLA
does not do with matmuls as small as these.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.lstm import Kept as Gates
from seqmodels.cells.lstm import LSTMCarry
from seqmodels.engines.fused import Kept, Loops, Sequence, Static, project, solve
from seqmodels.engines.problem import Problem
from seqmodels.native.build import lanes, library
from seqmodels.types import Array, Carry, Cotangents, Float, Params

FEW = 8  # rows of a batch below which XLA does the input matmul, for all steps at once


class Native(NamedTuple):
    """Takes plain float32 LSTMs; no forward mode."""

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        return solve(problem, loops=Loops(forwards, pull_steps))

    def refusal(self, problem: Problem) -> str | None:
        """Why it cannot run a problem; ``None`` where it can."""
        if not problem.structured.lstm:
            return "needs a plain float32 LSTM without options"
        if problem.clip is not None:
            return "does not clip gradients within a sequence"
        if jax.default_backend() != "cpu":
            return f"needs a CPU, not {jax.default_backend()}"
        if library() is None:
            return "needs its kernels compiled: python -m seqmodels.native"
        return None


def forwards(
    static: Static, params: Params, sequence: Sequence, carry: Carry, start: Carry, *, keep: bool
) -> tuple[Carry, tuple[Array, Kept | None]]:
    """The final carry, the outputs, and what the backward pass needs of every step."""
    x, batch, hidden = sequence.x.astype(jnp.float32), carry.h.shape[:-1], carry.h.shape[-1]
    rows, length = math.prod(batch), x.shape[0]
    weights = [params["b"][None], params["wx"], params["wh"]]
    if rows < FEW or jax.tree.leaves(sequence.noise):
        u = project(static.form, params, x, sequence.noise)
        given, weights = [absent(), flat(u, rows, time=1)], [weights[0], weights[2]]
    else:
        given = [flat(x, rows, time=1), absent()]
    kept = [hidden, hidden, 4 * hidden, hidden]
    shapes = [
        *[(rows, hidden)] * 2,
        (length, rows, hidden),
        *((length, rows, size) if keep else (0,) for size in kept),
    ]
    h, c, y, *kept = call("seqmodels_lstm_forwards", shapes)(
        *given,
        by_units(jnp.concatenate(weights)),
        *(flat(a, rows) for a in carry),
        *([absent()] * 2 if start is None else [flat(a, rows) for a in start]),
        *(flags(a, rows) for a in (sequence.mask, sequence.reset)),
    )
    h, c = (a.reshape(*batch, hidden) for a in (h, c))
    y, *kept = (a.reshape(length, *batch, -1) if a.ndim > 1 else a for a in (y, *kept))
    gates = Kept(LSTMCarry(*kept[:2]), Gates(*kept[2:])) if keep else None
    return LSTMCarry(h, c), (y, gates)


def pull_steps(
    static: Static, params: Params, sequence: Sequence, kept: Kept, dys: Array, clip: Any
) -> Callable:
    """A chunk backwards: ``(state, indices, ...) -> (state, cotangents)``."""
    batch, hidden = kept.update.seen.shape[1:-1], kept.update.seen.shape[-1]
    rows = math.prod(batch)
    whole = [
        by_columns(params["wh"].T),
        *(flat(a, rows, time=1) for a in (*kept.update, kept.before.c, dys)),
        *(flags(a, rows) for a in (sequence.mask, sequence.reset)),
    ]

    def pull(state: tuple[Carry, Carry], indices: Array, *_: Any) -> tuple[tuple, Cotangents]:
        dcarry, dstart = state
        first = indices[0].astype(jnp.int32)
        carries = [*dcarry, *(dstart or ())]
        given = [flat(a, rows) for a in carries] + [absent()] * (4 - len(carries))
        shapes = [(len(indices), rows, 4 * hidden), *(a.shape for a in given)]
        dz, *out = call("seqmodels_lstm_backwards", shapes)(*whole, first, *given)
        out = [a.reshape(*batch, hidden) for a in out[: len(carries)]]
        state = LSTMCarry(*out[:2]), LSTMCarry(*out[2:]) if dstart is not None else None
        return state, Cotangents(None, None, None, dz.reshape(*dz.shape[:1], *batch, -1))

    return pull


def call(name: str, shapes: list) -> Callable:
    """A compiled kernel as a function of arrays."""
    results = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return jax.ffi.ffi_call(name, results)


def flat(a: Array, rows: int, *, time: int = 0) -> Array:
    """All batch axes as one."""
    return a.reshape(*a.shape[:time], rows, a.shape[-1])


def flags(a: Array | None, rows: int) -> Array:
    """A mask for the kernel, ``[0]`` where there is none."""
    return jnp.zeros((0,), bool) if a is None else a.reshape(-1, rows)


def absent() -> Array:
    """An array that is not there."""
    return jnp.zeros((0,), jnp.float32)


def by_units(w: Float[Array, "K GH"]) -> Float[Array, "P K G L"]:
    """Rows of all gates, for each vector of units after the other; zeros fill the last."""
    gates = w.reshape(len(w), 4, -1)
    wide = jnp.pad(gates, [(0, 0), (0, 0), (0, -gates.shape[-1] % lanes())])
    return jnp.moveaxis(wide.reshape(len(w), 4, -1, lanes()), 2, 0)


def by_columns(w: Float[Array, "K H"]) -> Float[Array, "P K N L"]:
    """Four vectors of columns after the other; zeros fill the last four."""
    wide = jnp.pad(w, [(0, 0), (0, -w.shape[-1] % (4 * lanes()))])
    return jnp.moveaxis(wide.reshape(len(w), -1, 4, lanes()), 1, 0)
