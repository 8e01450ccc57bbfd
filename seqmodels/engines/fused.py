"""The engine with its own backward pass, generic over every structured cell.

Forwards, the input matmul is done for a chunk of K steps at once, and only the carries are kept.
Backwards, chunk by chunk: gates are recomputed with one matmul, ``update`` is linearised for all K
steps at once, the K small pullbacks run in reverse, and every parameter's gradient is formed for
the chunk as a whole.  Nothing here knows a cell: the pullback comes from ``update`` by ``jax.vjp``,
unless the cell brings a cheaper one (``Structured.linearise`` and ``Structured.pull``).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.build import recur
from seqmodels.engines.problem import (
    Problem,
    clip_tree,
    inputs_of,
    join_time,
    noise_of,
    split_time,
    where,
    zeros_like,
)
from seqmodels.types import Array, Carry, Noisy, Params, PyTree, Structured


class Fused(NamedTuple):
    """Takes structured cells; no forward mode.  ``steps`` time steps make a chunk (0: choose)."""

    steps: int = 0

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        form, length = problem.cell.form, problem.length
        static = Static(form, min(self.steps or chunk_length(length), max(length, 1)))
        x, noise = inputs_of(problem.xs), noise_of(problem.xs)
        sequence = Sequence(x, noise, problem.mask, problem.resets)
        start = None if problem.resets is None else problem.start()
        params = form.prepare(problem.params)
        return recurrence(static, params, sequence, problem.carry, start, problem.clip)


class Static(NamedTuple):
    """What is known while tracing."""

    form: Structured
    steps: int


class Sequence(NamedTuple):
    """What is read at each time step; every leaf is [T, ...]."""

    x: Array
    noise: PyTree
    mask: Array | None
    reset: Array | None


class Sums(NamedTuple):
    """What runs backwards through the chunks: the carry's cotangent, and gradients so far."""

    carry: Carry
    start: Carry | None
    params: Params
    kernel: Array


class Cotangents(NamedTuple):
    """The cotangents at each step of a chunk: of its new carry, output, projection and matmul."""

    new: Carry
    y: Any
    u: PyTree
    a: Array


def chunk_length(length: int) -> int:
    """The divisor of T between 5 and 12 that is nearest to 10; 8 where there is none."""
    divisors = [k for k in range(5, 13) if length % k == 0]
    return min(divisors, key=lambda k: abs(k - 10)) if divisors else 8


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def recurrence(
    static: Static, params: Params, sequence: Sequence, carry: Carry, start: Carry, clip: Any
) -> tuple[Any, Carry]:
    """``(ys, carry)`` of a structured cell; ``start`` is what a reset returns to."""
    carry, (ys, _) = forwards(static, params, sequence, carry, start)
    return ys, carry


def forwards(
    static: Static, params: Params, sequence: Sequence, carry: Carry, start: Carry
) -> tuple[Carry, tuple[Any, Carry]]:
    """The final carry, the outputs, and the carry that every step began from."""
    form = static.form
    kernel = form.kernel(params)

    def chunk(carry: Carry, part: Sequence) -> tuple[Carry, tuple[Any, Carry]]:
        us = project(form, params, part.x, part.noise)
        outs = []
        for k in range(part.x.shape[0]):
            if part.reset is not None:
                carry = where(part.reset[k], start, carry)
            a = recur(form.hidden(params, carry), kernel)
            new, y = form.update(params, carry, at(us, k), a)
            if part.mask is not None:
                y = where(part.mask[k], y, zeros_like(y))
                new = where(part.mask[k], new, carry)
            outs.append((y, carry))
            carry = new
        return carry, stacked(outs)

    return over_chunks(chunk, carry, sequence, static.steps)


def recurrence_forwards(static, params, sequence, carry, start, clip):
    carry, (ys, carries) = forwards(static, params, sequence, carry, start)
    return (ys, carry), (params, sequence, carries, start, clip)


def recurrence_backwards(static: Static, saved: tuple, cotangents: tuple) -> tuple:
    params, sequence, carries, start, clip = saved
    dys, dcarry = cotangents
    form = static.form
    kernel, pull_kernel = jax.vjp(form.kernel, params)

    def chunk(sums: Sums, inputs: tuple) -> tuple[Sums, Array]:
        part, befores, dys = inputs
        us, pull_project = jax.vjp(lambda p, x: project(form, p, x, part.noise), params, part.x)
        hiddens, pull_hidden = jax.vjp(lambda p: over_steps(form.hidden)(p, befores), params)
        products, pull_recur = jax.vjp(lambda w: recur(hiddens, w), kernel)
        pull = step_pullback(form, params, kernel, befores, us, products)
        sums, steps = through_time(pull, part, dys, sums, clip)

        dparams, dx = pull_project(steps.u)
        dparams = add(dparams, pull_hidden(recur_transposed(kernel, hiddens, steps.a))[0])
        if form.pull is None:
            update = lambda p: over_steps(form.update)(p, befores, us, products)  # noqa: E731
            dparams = add(dparams, jax.vjp(update, params)[1]((steps.new, steps.y))[0])
        dkernel = pull_recur(steps.a)[0]
        return sums._replace(params=add(sums.params, dparams), kernel=sums.kernel + dkernel), dx

    dstart = None if start is None else zeros_like(start)
    sums = Sums(dcarry, dstart, zeros_like(params), jnp.zeros_like(kernel))
    sums, dx = over_chunks(chunk, sums, (sequence, carries, dys), static.steps, reverse=True)
    dparams = add(sums.params, pull_kernel(sums.kernel)[0])
    return dparams, Sequence(dx, None, None, None), sums.carry, sums.start, None


recurrence.defvjp(recurrence_forwards, recurrence_backwards)


def through_time(
    pull: Callable, part: Sequence, dys: Any, sums: Sums, clip: Any
) -> tuple[Sums, Cotangents]:
    """The K steps of a chunk in reverse: the carry's cotangent before it, and all the others."""
    dcarry, dstart = sums.carry, sums.start
    steps = []
    for k in reversed(range(part.x.shape[0])):
        dnew, dy, dskip = dcarry, at(dys, k), None
        if part.mask is not None:
            nothing = zeros_like(dcarry)
            dnew, dskip = where(part.mask[k], dcarry, nothing), where(part.mask[k], nothing, dcarry)
            dy = where(part.mask[k], dy, zeros_like(dy))
        dcarry, du, da = pull(k, dnew, dy)
        dcarry = clip_tree(dcarry if dskip is None else add(dcarry, dskip), clip)
        if part.reset is not None:
            nothing = zeros_like(dcarry)
            dstart = add(dstart, where(part.reset[k], dcarry, nothing))
            dcarry = where(part.reset[k], nothing, dcarry)
        steps.append(Cotangents(dnew, dy, du, da))
    return sums._replace(carry=dcarry, start=dstart), stacked(steps[::-1])


def step_pullback(
    form: Structured, params: Params, kernel: Array, befores: Carry, us: PyTree, products: Array
) -> Callable:
    """``pull(k, dnew, dy) -> (dcarry, du, da)``, linearised for all steps of a chunk at once."""
    hidden_pulls = jax.vmap(lambda c: jax.vjp(partial(form.hidden, params), c)[1])(befores)
    hidden = jax.eval_shape(partial(form.hidden, params), at(befores, 0))
    if form.pull is None:
        pulls = jax.vmap(lambda *row: jax.vjp(partial(form.update, params), *row)[1])
        linear = pulls(befores, us, products)
        pull_update = lambda k, dnew, dy: at(linear, k)((dnew, dy))  # noqa: E731
    else:
        linear = form.linearise(params, befores, us, products)
        pull_update = lambda k, dnew, dy: form.pull(at(linear, k), dnew, dy)  # noqa: E731

    def pull(k: int, dnew: Carry, dy: Any) -> tuple[Carry, PyTree, Array]:
        dcarry, du, da = pull_update(k, dnew, dy)
        dhidden = recur_transposed(kernel, hidden, da)
        return add(dcarry, at(hidden_pulls, k)(dhidden)[0]), du, da

    return pull


def recur_transposed(kernel: Array, hidden: Any, da: Array) -> Array:
    """The cotangent of h in ``recur(h, kernel)``."""
    return jax.linear_transpose(lambda h: recur(h, kernel), hidden)(da)[0]


def project(form: Structured, params: Params, x: Array, noise: PyTree) -> PyTree:
    """The cell's projection of every step of a chunk, with its noise where there is some."""
    return form.project(params, Noisy(x, noise) if jax.tree.leaves(noise) else x)


def over_steps(function: Callable) -> Callable:
    """``function(params, *rows)`` for every step of a chunk at once."""
    return lambda params, *rows: jax.vmap(partial(function, params))(*rows)


def over_chunks(
    body: Callable, state: PyTree, sequence: PyTree, steps: int, reverse: bool = False
) -> tuple[PyTree, PyTree]:
    """``lax.scan`` of ``body`` over chunks of ``steps``; what remains is a shorter last chunk."""
    length = jax.tree.leaves(sequence)[0].shape[0]
    chunks, rest = split_time(sequence, length, steps)
    out = None
    if reverse and length % steps:
        state, out = body(state, rest)
    state, outs = jax.lax.scan(body, state, chunks, reverse=reverse)
    if not reverse and length % steps:
        state, out = body(state, rest)
    return state, join_time(outs, out)


def at(tree: PyTree, k: int) -> PyTree:
    """Step k of every leaf."""
    return jax.tree.map(lambda a: a[k], tree)


def stacked(trees: list[PyTree]) -> PyTree:
    """Trees of [...] to one tree of [K, ...]."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def add(a: PyTree, b: PyTree) -> PyTree:
    """The sum of two trees."""
    return jax.tree.map(jnp.add, a, b)
