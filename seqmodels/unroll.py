"""``unroll``: a cell over a sequence, with masks, resets, and a choice of engine."""

from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.engines import Engine, choose
from seqmodels.engines.problem import Problem, join_time, split_time, where
from seqmodels.engines.scan import Scan
from seqmodels.errors import UserError
from seqmodels.types import Array, Bool, Carry, Cell, Composite, Float, Key, Noisy, Params


def unroll(
    cell: Cell,
    params: Params,
    xs: Float[Array, "T *B D"],
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
    """Apply a cell to every time step; returns the outputs ``[T, *B, ...]`` and the final carry.

        carry_t, y_t = step(params, carry_{t-1}, x_t)

    mask: where False, the carry passes unchanged and the output is zero.
    resets: where True, the carry is set to its start before the step.
    reverse: from the last step to the first; outputs stay in their places.
    key: draws the noise of stochastic wraps; without it they are deterministic.
    chunk: rematerialise in chunks of this many steps; backprop holds T/chunk + chunk carries.
    clip_gradient: bound on each element of the carry's cotangent, at every step backwards.
    engine: "auto", "scan", "fused", "associative", ..., or a configured one: ``Scan(unroll=4)``.
    """
    check(cell, xs, mask, resets, chunk)
    carry = starting(cell, params, xs.shape[1:-1], carry)
    if isinstance(cell.form, Composite):
        options: dict[str, Any] = {
            "mask": mask,
            "resets": resets,
            "reverse": reverse,
            "key": key,
            "chunk": chunk,
        }
        options |= {"clip_gradient": clip_gradient, "engine": engine}
        return cell.form.unroll(unroll, params, xs, carry, options)
    problem = make_problem(cell, params, xs, carry, mask, resets, key, clip_gradient)
    problem = flipped(problem) if reverse else problem
    run = choose(engine, problem)
    ys, carry = run(problem) if chunk is None else rematerialised(run, problem, chunk)
    return (flip(ys) if reverse else ys), carry


def carries(
    cell: Cell,
    params: Params,
    xs: Float[Array, "T *B D"],
    carry: Carry | None = None,
    *,
    mask: Bool[Array, "T *B"] | None = None,
    resets: Bool[Array, "T *B"] | None = None,
    key: Key[Array, ""] | None = None,
) -> tuple[Any, Carry]:
    """Like ``unroll`` by plain scan, but returns the carry after *every* step, ``[T, *B, ...]``."""
    check(cell, xs, mask, resets, None)
    carry = starting(cell, params, xs.shape[1:-1], carry)
    problem = make_problem(cell, params, xs, carry, mask, resets, key, None)
    _, outs = Scan().run(problem, keep=True)
    return outs


def make_problem(cell, params, xs, carry, mask, resets, key, clip) -> Problem:
    """The arguments of ``unroll`` as an engine wants them: noise drawn, padding cleared."""
    inputs: Any = xs if mask is None else where(mask, xs, jnp.zeros_like(xs))
    if key is not None and cell.draw is not None:
        params, noise = cell.draw(params, key, xs.shape[0], xs.shape[1:-1])
        inputs = Noisy(inputs, noise) if jax.tree.leaves(noise) else inputs
    clip = None if clip is None else jnp.asarray(clip, jnp.float32)
    return Problem(cell, params, inputs, carry, mask, resets, clip)


def rematerialised(run: Engine, problem: Problem, chunk: int) -> tuple[Any, Carry]:
    """Run an engine chunk by chunk, keeping only the carries between chunks for backprop."""
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


def flip(tree: Any) -> Any:
    """Time reversed."""
    return jax.tree.map(lambda a: jnp.flip(a, 0), tree)


def flipped(problem: Problem) -> Problem:
    """The same problem with time reversed."""
    xs, mask, resets = flip((problem.xs, problem.mask, problem.resets))
    return problem._replace(xs=xs, mask=mask, resets=resets)


def check(cell: Cell, xs: Array, mask: Any, resets: Any, chunk: int | None) -> None:
    """Wrong use, told in one line that names the argument."""
    if xs.ndim < 2:
        raise UserError(f"xs has shape {xs.shape}: it must be [T, ..., features], time first")
    if cell.size is not None and xs.shape[-1] != cell.size:
        raise UserError(
            f"xs has {xs.shape[-1]} features in its last axis; the cell was built for {cell.size}"
        )
    for name, value in (("mask", mask), ("resets", resets)):
        if value is None:
            continue
        if value.dtype != jnp.bool_:
            raise UserError(f"{name} has dtype {value.dtype}: it must be bool")
        if value.shape != xs.shape[:-1]:
            raise UserError(
                f"{name} has shape {value.shape}: it must be xs without features, {xs.shape[:-1]}"
            )
    if chunk is not None and not 0 < chunk <= max(xs.shape[0], 1):
        raise UserError(f"chunk={chunk} must lie between 1 and the length {xs.shape[0]}")


def starting(cell: Cell, params: Params, batch_shape: tuple[int, ...], carry: Any) -> Carry:
    """The carry to begin from: the one that was given, if it looks like the cell's own."""
    start = cell.start(params, batch_shape)
    if carry is None:
        return start
    given, wanted = (jax.tree.map(lambda a: (a.shape, str(a.dtype)), c) for c in (carry, start))
    if given != wanted:
        raise UserError(f"carry does not fit the cell: got {given}, wanted {wanted}")
    return carry
