"""Apply a cell to a sequence, with masks, resets and a choice of engine."""

from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.engines import Engine, choose
from seqmodels.engines.problem import (
    Problem,
    is_array,
    join_time,
    leading_axes,
    split_time,
    where,
    zeros_like,
)
from seqmodels.engines.scan import Scan
from seqmodels.errors import UserError
from seqmodels.types import (
    Array,
    Bool,
    Carry,
    Cell,
    Composite,
    Float,
    Key,
    Linear,
    Noisy,
    Params,
    PyTree,
    Structured,
)


def unroll(
    cell: Cell,
    params: Params,
    xs: Float[Array, "T *B D"] | PyTree,
    carry: Carry | None = None,
    *,
    mask: Bool[Array, "T *B"] | None = None,
    resets: Bool[Array, "T *B"] | None = None,
    reverse: bool = False,
    key: Key[Array, ""] | None = None,
    chunk: int | None = None,
    clip_gradient: Any = None,
    engine: str | Engine = "auto",
) -> tuple[Any, Carry]:
    """Apply a cell to every time step; return the outputs ``[T, *B, ...]`` and the final carry.

        carry_t, y_t = step(params, carry_{t-1}, x_t)

    xs: inputs. A cell that is known by its step alone, or that consists of such cells, may read a
        tree of arrays ``[T, *B, ...]``, of which one, such as tokens, has no further axes.
    carry: initial carry; default ``cell.start``.
    mask: where False, the carry passes unchanged and the output is zero.
    resets: where True, the carry is reset to ``cell.start`` before the step.
    reverse: run from the last step to the first; outputs keep their positions in time.
    key: draws the noise of stochastic cells, which are deterministic without a key.
    chunk: rematerialise in chunks of this many steps; backprop holds T/chunk + chunk carries.
    clip_gradient: bound on each element of the carry's cotangent, at every step of backprop.
    engine: "auto", "scan", "fused", "associative", ..., or an instance, such as ``Scan(unroll=4)``.
    """
    _check_arguments(cell, xs, mask, resets, chunk)
    carry = _initial_carry(cell, params, leading_axes(xs)[1:], carry)
    if isinstance(cell.form, Composite):
        options: dict[str, Any] = {"mask": mask, "resets": resets, "reverse": reverse, "key": key}
        options |= {"chunk": chunk, "clip_gradient": clip_gradient, "engine": engine}
        return cell.form.unroll(unroll, params, xs, carry, options)
    problem = make_problem(cell, params, xs, carry, mask, resets, key, clip_gradient)
    problem = _reverse_time(problem) if reverse else problem
    run = choose(engine, problem)
    ys, carry = run(problem) if chunk is None else _run_in_chunks(run, problem, chunk)
    return (_flip(ys) if reverse else ys), carry


def unroll_carries(
    cell: Cell,
    params: Params,
    xs: Float[Array, "T *B D"] | PyTree,
    carry: Carry | None = None,
    *,
    mask: Bool[Array, "T *B"] | None = None,
    resets: Bool[Array, "T *B"] | None = None,
    key: Key[Array, ""] | None = None,
) -> tuple[Any, Carry]:
    """Return the outputs and the carry after *every* step, ``[T, *B, ...]``, by a plain scan."""
    _check_arguments(cell, xs, mask, resets, None)
    carry = _initial_carry(cell, params, leading_axes(xs)[1:], carry)
    problem = make_problem(cell, params, xs, carry, mask, resets, key, None)
    _, outs = Scan().run(problem, keep=True)
    return outs


def make_problem(cell, params, xs, carry, mask, resets, key, clip) -> Problem:
    """Convert the arguments of ``unroll`` to an engine's: draw the noise, zero the padding."""
    inputs: Any = where(mask, xs, zeros_like(xs))
    if key is not None and cell.draw is not None:
        length, *batch_shape = leading_axes(xs)
        params, noise = cell.draw(params, key, length, tuple(batch_shape))
        inputs = Noisy(inputs, noise) if jax.tree.leaves(noise) else inputs
    clip = None if clip is None else jnp.asarray(clip, jnp.float32)
    return Problem(cell, params, inputs, carry, mask, resets, clip)


def _run_in_chunks(run: Engine, problem: Problem, chunk: int) -> tuple[Any, Carry]:
    """Run an engine chunk by chunk; backprop recomputes each chunk from its initial carry."""
    sequence = (problem.xs, problem.mask, problem.resets)
    chunks, rest = split_time(sequence, problem.length, chunk)

    @jax.checkpoint
    def body(carry: Carry, part: Any) -> tuple[Carry, Any]:
        xs, mask, resets = part
        ys, carry = run(problem._replace(xs=xs, mask=mask, resets=resets, carry=carry))
        return carry, ys

    carry, ys = jax.lax.scan(body, problem.carry, chunks)
    if problem.length % chunk == 0:
        return join_time(ys, None), carry
    carry, tail = body(carry, rest)
    return join_time(ys, tail), carry


def _flip(tree: Any) -> Any:
    """Reverse the time axis of every leaf."""
    return jax.tree.map(lambda a: jnp.flip(a, 0), tree)


def _reverse_time(problem: Problem) -> Problem:
    """Reverse the inputs, mask and resets in time."""
    xs, mask, resets = _flip((problem.xs, problem.mask, problem.resets))
    return problem._replace(xs=xs, mask=mask, resets=resets)


def _check_arguments(cell: Cell, xs: Any, mask: Any, resets: Any, chunk: int | None) -> None:
    """Raise a UserError that names the first invalid argument."""
    _check_inputs(cell, xs)
    shape = leading_axes(xs)
    for name, value in (("mask", mask), ("resets", resets)):
        if value is None:
            continue
        if value.dtype != jnp.bool_:
            raise UserError(f"{name} has dtype {value.dtype}: expected bool")
        if value.shape != shape:
            raise UserError(
                f"{name} has shape {value.shape}: expected {shape}, as xs without features"
            )
    if chunk is not None and not 0 < chunk <= max(shape[0], 1):
        raise UserError(f"chunk={chunk} must be between 1 and the sequence length {shape[0]}")


def _check_inputs(cell: Cell, xs: Any) -> None:
    """Raise a UserError if the inputs do not fit the cell."""
    shapes, leading = [jnp.shape(leaf) for leaf in jax.tree.leaves(xs)], leading_axes(xs)
    if not leading:
        shape = min(shapes, key=len, default=())
        raise UserError(f"xs has shape {shape}: expected [T, ..., features], time first")
    if is_array(xs):
        if cell.size is not None and xs.shape[-1] != cell.size:
            raise UserError(
                f"xs has {xs.shape[-1]} features in its last axis; "
                f"the cell was built for {cell.size}"
            )
        return
    if isinstance(cell.form, Structured | Linear):
        raise UserError("xs is a tree of arrays; this cell reads one array [T, ..., features]")
    if any(shape[: len(leading)] != leading for shape in shapes):
        raise UserError(f"xs has arrays of shapes {shapes}: expected all to start with {leading}")


def _initial_carry(
    cell: Cell, params: Params, batch_shape: tuple[int, ...], carry: Carry | None
) -> Carry:
    """Return ``carry``, checked against the start of the cell, or that start if it is None."""
    start = cell.start(params, batch_shape)
    if carry is None:
        return start
    given, expected = (jax.tree.map(lambda a: (a.shape, str(a.dtype)), c) for c in (carry, start))
    if given != expected:
        raise UserError(f"carry does not fit the cell: got {given}, expected {expected}")
    return carry
