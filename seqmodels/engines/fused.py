"""The engine with its own backward pass, generic over every structured cell.

Forwards, the input matmul is done for a chunk of steps at once; every step keeps its carry and what
the derivatives of ``update`` need.  Backwards, chunk by chunk: ``update`` is linearised for all
steps of the chunk at once, the small pullbacks run in reverse, and then each parameter's gradient
is one matmul for the chunk instead of one for every step.  Nothing here knows a cell: the pullback
comes from ``update`` by ``jax.vjp``, unless the cell brings a cheaper one (``types.Pullback``).
``docs/performance.md`` has the measurements behind every choice made here.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.build import recur
from seqmodels.engines.chunks import (
    chunk_length,
    is_in_place,
    over_chunks,
    scan_gates,
    scan_in_chunks,
    scan_in_place,
)
from seqmodels.engines.members import one_by_one
from seqmodels.engines.problem import (
    Problem,
    clip_tree,
    inputs_of,
    noise_of,
    where,
    zeros_like,
)
from seqmodels.types import Array, Carry, Cotangents, Noisy, Params, Pullback, PyTree, Structured


class Fused(NamedTuple):
    """Takes structured cells; no forward mode.  ``steps`` time steps make a chunk (0: choose).

    Outputs alone that are written in the projection's place (an RNN's) need no chunks.
    """

    steps: int = 0

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        return solve(problem, self.steps)


class Loops(NamedTuple):
    """The loops over time of an engine that has its own."""

    forwards: Callable[..., tuple]  # as ``forwards`` below
    pull_steps: Callable[..., Callable]  # as ``pull_steps`` below


def solve(
    problem: Problem,
    steps: int = 0,
    scan: Callable[..., tuple[PyTree, PyTree]] = jax.lax.scan,
    loops: Loops | None = None,
) -> tuple[Any, Carry]:
    """A problem in chunks of ``steps`` (0: choose), each walked by ``scan``, or by ``loops``."""
    form, length = problem.structured, problem.length
    params = form.prepare(problem.params)
    kernel = form.kernel(params)
    gates = math.prod(problem.batch_shape) * kernel.size // kernel.shape[-2]
    steps = min(steps or chunk_length(length, 4 * gates), max(length, 1))
    static = Static(form, form.pullback or derived(form), steps, scan, loops)
    sequence = Sequence(inputs_of(problem.xs), noise_of(problem.xs), problem.mask, problem.resets)
    start = None if problem.resets is None else problem.start()
    return recurrence(static, params, sequence, problem.carry, start, problem.clip)


class Static(NamedTuple):
    """What is known while tracing."""

    form: Structured
    pullback: Pullback
    steps: int
    scan: Callable[..., tuple[PyTree, PyTree]]  # over the steps of a chunk
    loops: Loops | None = None


class Sequence(NamedTuple):
    """What is read at each time step; every leaf is [T, ...]."""

    x: Array
    noise: PyTree
    mask: Array | None
    reset: Array | None


class Kept(NamedTuple):
    """What the forward pass leaves for the backward one, step by step."""

    before: Carry
    update: PyTree


class Sums(NamedTuple):
    """What runs backwards through the chunks: the carry's cotangent, and gradients so far."""

    carry: Carry
    start: Carry | None
    params: Params
    kernel: Array


def derived(form: Structured) -> Pullback:
    """The pullback of any ``update``, from its own derivative."""

    def keep(params: Params, carry: Carry, u: PyTree, a: Array) -> tuple[tuple, PyTree]:
        return form.update(params, carry, u, a), (u, a)

    def linearise(params: Params, befores: Carry, kept: PyTree) -> PyTree:
        return jax.vmap(lambda *row: jax.vjp(partial(form.update, params), *row)[1])(befores, *kept)

    def gather(params: Params, befores: Carry, kept: PyTree, steps: Cotangents) -> Params:
        update = lambda p: over_steps(form.update)(p, befores, *kept)  # noqa: E731
        return jax.vjp(update, params)[1]((steps.new, steps.y))[0]

    return Pullback(keep, linearise, lambda linear, dnew, dy: linear((dnew, dy)), gather)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def recurrence(
    static: Static, params: Params, sequence: Sequence, carry: Carry, start: Carry, clip: Any
) -> tuple[Any, Carry]:
    """``(ys, carry)`` of a structured cell; ``start`` is what a reset returns to."""
    run = members_of(static, solve_forwards, keep=False)
    carry, (ys, _) = run(params, sequence, carry, start)
    return ys, carry


def solve_forwards(static: Static, *arguments: Any, keep: bool) -> tuple:
    """``forwards`` by the engine's own loops where it has some."""
    return (static.loops.forwards if static.loops else forwards)(static, *arguments, keep=keep)


def forwards(
    static: Static, params: Params, sequence: Sequence, carry: Carry, start: Carry, *, keep: bool
) -> tuple[Carry, tuple[Any, Kept | None]]:
    """The final carry, the outputs, and what the backward pass needs of every step."""
    form, kernel = static.form, static.form.kernel(params)

    def step(carry: Carry, inputs: tuple) -> tuple[Carry, tuple[Any, Kept | None]]:
        u, mask, reset = inputs
        carry = carry if reset is None else where(reset, start, carry)
        a = recur(form.hidden(params, carry), kernel)
        (new, y), kept = static.pullback.keep(params, carry, u, a)
        y = y if mask is None else where(mask, y, zeros_like(y))
        return where(mask, new, carry), (y, Kept(carry, kept) if keep else None)

    def rows(part: Sequence) -> tuple:
        return project(form, params, part.x, part.noise), part.mask, part.reset

    scan, gates = static.scan, static.pullback.gates
    if scan is jax.lax.scan and gates > 1:
        scan = partial(scan_gates, gates)
    elif scan is jax.lax.scan and not keep and is_in_place(step, rows, carry, sequence):
        # Nothing is filled with zeros, and there is less memory to go through.
        carry, ys = scan_in_place(step, carry, rows(sequence))
        return carry, (ys, None)
    if static.steps == sequence.x.shape[0]:
        return scan(step, carry, rows(sequence))
    return scan_in_chunks(step, rows, carry, sequence, static.steps, scan)


def recurrence_forwards(static, params, sequence, carry, start, clip):
    """``recurrence``, and what its backward pass needs."""
    run = members_of(static, solve_forwards, keep=True)
    carry, (ys, kept) = run(params, sequence, carry, start)
    return (ys, carry), (params, sequence, kept, start, clip)


def recurrence_backwards(static: Static, saved: tuple, cotangents: tuple) -> tuple:
    """The cotangents of all arguments of ``recurrence``."""
    return members_of(static, backwards)(*saved, cotangents)


def backwards(
    static: Static,
    params: Params,
    sequence: Sequence,
    kept: Kept,
    start: Carry,
    clip: Any,
    cotangents: tuple,
) -> tuple:
    """The cotangents of all arguments of ``recurrence``, chunk by chunk from the end."""
    dys, dcarry = cotangents
    form, pullback = static.form, static.pullback
    kernel, pull_kernel = jax.vjp(form.kernel, params)
    walk = static.loops.pull_steps if static.loops else pull_steps
    pull = walk(static, params, sequence, kept, dys, clip)

    def chunk(sums: Sums, inputs: tuple) -> tuple[Sums, Array]:
        indices, part, kept, dys = inputs
        state, steps = pull((sums.carry, sums.start), indices, part, kept, dys)
        dparams, dx = pull_project(form, params, part, steps)
        hiddens, pull_hidden = jax.vjp(lambda p: over_steps(form.hidden)(p, kept.before), params)
        dhiddens, dkernel = pull_recur(hiddens, kernel, steps.a)
        dparams = add(dparams, pull_hidden(dhiddens)[0])
        if pullback.gather is not None:
            dparams = add(dparams, pullback.gather(params, kept.before, kept.update, steps))
        return Sums(state[0], state[1], add(sums.params, dparams), sums.kernel + dkernel), dx

    dstart = None if start is None else zeros_like(start)
    sums = Sums(dcarry, dstart, zeros_like(params), jnp.zeros_like(kernel))
    indexed = jnp.arange(sequence.x.shape[0]), sequence, kept, dys
    sums, dx = over_chunks(chunk, sums, indexed, static.steps, reverse=True)
    dparams = add(sums.params, pull_kernel(sums.kernel)[0])
    return dparams, Sequence(dx, None, None, None), sums.carry, sums.start, None


recurrence.defvjp(recurrence_forwards, recurrence_backwards)


def members_of(static: Static, function: Callable, **options: Any) -> Callable:
    """The function, for members of a population too; a kernel takes them all at once."""
    run = partial(function, static, **options)
    plain = partial(function, static._replace(loops=None), **options)
    return one_by_one(run, plain) if static.scan is jax.lax.scan else run


def pull_steps(
    static: Static, params: Params, sequence: Sequence, kept: Kept, dys: Any, clip: Any
) -> Callable:
    """A chunk backwards: ``(state, indices, part, kept, dys) -> (state, cotangents)``."""
    step = step_pullback(static, params, static.form.kernel(params), clip)

    def pull(
        state: tuple[Carry, Carry], indices: Array, part: Sequence, kept: Kept, dys: Any
    ) -> tuple[tuple[Carry, Carry], Cotangents]:
        linear = static.pullback.linearise(params, kept.before, kept.update)
        scanned = (linear, kept.before, dys, part.mask, part.reset)
        return static.scan(step, state, scanned, reverse=True)

    return pull


def step_pullback(static: Static, params: Params, kernel: Array, clip: Any) -> Callable:
    """The body of the scan that runs backwards through the steps of a chunk."""
    form, pullback = static.form, static.pullback
    unrecur = recur_transposed(kernel)

    def step(state: tuple[Carry, Carry], inputs: tuple) -> tuple[tuple, Cotangents]:
        dcarry, dstart = state
        linear, before, dy, mask, reset = inputs
        nothing = zeros_like(dcarry)
        dnew = dcarry if mask is None else where(mask, dcarry, nothing)
        dy = dy if mask is None else where(mask, dy, zeros_like(dy))
        dbefore, du, da = pullback.pull(linear, dnew, dy)
        hidden, pull_hidden = jax.vjp(partial(form.hidden, params), before)
        dbefore = add(dbefore, pull_hidden(unrecur(hidden, da))[0])
        if mask is not None:
            dbefore = add(dbefore, where(mask, nothing, dcarry))
        dbefore = clip_tree(dbefore, clip)
        if reset is not None:
            dstart = add(dstart, where(reset, dbefore, nothing))
            dbefore = where(reset, nothing, dbefore)
        new, y = (None, None) if pullback.gather is None else (dnew, dy)
        return (dbefore, dstart), Cotangents(new, y, None if du is da else du, da)

    return step


def pull_project(
    form: Structured, params: Params, part: Sequence, steps: Cotangents
) -> tuple[Params, Array]:
    """The cotangents of parameters and inputs in the projection of a chunk."""
    du = steps.a if steps.u is None else steps.u
    if jax.tree.leaves(part.noise):
        noisy = lambda p, x: form.project(p, Noisy(x, part.noise))  # noqa: E731
        return jax.vjp(noisy, params, part.x)[1](du)
    rows = partial(as_rows, features=part.x.ndim - 1)
    dparams, dx = jax.vjp(form.project, params, by_columns(rows(part.x)))[1](jax.tree.map(rows, du))
    return dparams, dx.reshape(part.x.shape)


def recur_transposed(kernel: Array) -> Callable[[Array, Array], Array]:
    """``(hidden, da) -> da @ kernel.T``, the kernel turned once and not at every step."""
    if kernel.ndim > 2:
        return lambda h, da: jax.linear_transpose(lambda h: recur(h, kernel), h)(da)[0]
    turned = kernel.T
    dims = lambda da: (((da.ndim - 1,), (0,)), ((), ()))  # noqa: E731
    return lambda h, da: jax.lax.dot_general(
        da, turned, dims(da), preferred_element_type=da.dtype
    ).astype(h.dtype)


def pull_recur(hiddens: Array, kernel: Array, da: Array) -> tuple[Array, Array]:
    """The cotangents of all hidden states of a chunk and of the kernel in ``recur``."""
    rows = partial(as_rows, features=hiddens.ndim - 1)
    h = by_columns(rows(hiddens)) if kernel.ndim == 2 else rows(hiddens)
    dh, dkernel = jax.vjp(recur, h, kernel)[1](rows(da))
    return dh.reshape(hiddens.shape), dkernel


def as_rows(a: Array, features: int) -> Array:
    """``[K, *B, ...] -> [K*B, ...]``."""
    return a.reshape(-1, *a.shape[features:])


def by_columns(a: Array) -> Array:
    """The same matrix stored column by column, for the matmul that contracts its rows.

    XLA's CPU backend has a fast matmul for ``[M, K] @ [K, N]`` alone; what makes the gradient of a
    weight, ``[K, M].T @ [K, N]``, takes a path that is half as fast.
    """
    return jax.lax.optimization_barrier(a.T).T if jax.default_backend() == "cpu" else a


def project(form: Structured, params: Params, x: Array, noise: PyTree) -> PyTree:
    """The cell's projection of every step of a chunk, with its noise where there is some."""
    return form.project(params, Noisy(x, noise) if jax.tree.leaves(noise) else x)


def over_steps(function: Callable) -> Callable:
    """``function(params, *rows)`` for every step of a chunk at once."""
    return lambda params, *rows: jax.vmap(partial(function, params))(*rows)


def add(a: PyTree, b: PyTree) -> PyTree:
    """The sum of two trees."""
    return jax.tree.map(jnp.add, a, b)
