"""The parallel engine for cells that are not linear in their state: Newton's method over time.

All T equations s_t = f_t(s_{t-1}) are solved at once (DEER: Lim et al. 2024, arXiv:2309.12252;
quasi-DEER: Gonzalez et al. 2024, arXiv:2407.19115).  One iteration linearises them around a guess
and solves the linear recurrence that results in O(log T) depth:

    r_t = f_t(s_{t-1}) - s_t        A_t ~ df_t / ds_{t-1}
    d_t = A_t d_{t-1} + r_t         s_t <- s_t + d_t

The A_t decide only how fast this converges: r = 0 is the scan's own trajectory.  So a residual of a
few roundings is the test of success, and without success within ``iterations`` the scan is run.
The backward pass, l_t = g_t + J_{t+1}^T l_{t+1}, is one more such recurrence, linear and reversed,
and is solved in the same way: by the full form in one iteration, with one to confirm it.
"""

from collections.abc import Callable
from functools import partial
from itertools import accumulate
from math import prod
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.build import recur
from seqmodels.engines.iterate import Limits, Solved, solve
from seqmodels.engines.problem import Problem, where, zeros_like
from seqmodels.errors import UserError
from seqmodels.types import Array, Bool, Carry, Cell, Float, Int, Params, PyTree, Structured


class Newton(NamedTuple):
    """Takes cells with a floating-point carry; no forward mode, no second derivatives.

    form:       "diagonal" couples only the numbers of one unit (h and c of an LSTM): linear in H,
                for structured cells.  "full" has the whole Jacobian: H^2 memory a step and H^3
                work, for any cell of a few units; fewer iterations.
    damping:    shrinks A by 1 - damping: 0 is Newton, 1 the fixed-point iteration, exact after T.
    iterations: the most before falling back on the scan.
    tolerance:  the residual that counts as none, in roundings of the state.

    Under ``vmap`` one member that has not converged keeps all iterating, and the scan always runs:
    give sequences that share their parameters as batch axes instead.
    """

    form: Literal["diagonal", "full"] = "diagonal"
    damping: float = 0.0
    iterations: int = 100
    tolerance: float = 16.0

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        system = make_system(self, problem)
        fixed = system._replace(given=jax.lax.stop_gradient(system.given))
        settled = solve_forwards(fixed).states
        news, _ = system.advance(system.befores(settled))
        states = implicit(system.static, system.given, settled, news)
        _, ys = system.advance(system.befores(states))
        ys = ys if problem.mask is None else where(problem.mask, ys, zeros_like(ys))
        return ys, system.unpack(states[-1])

    def refusal(self, problem: Problem) -> str | None:
        """Why it cannot run a problem; ``None`` where it can."""
        leaves, form = jax.tree.leaves(problem.carry), problem.cell.form
        if len({a.dtype for a in leaves}) > 1 or not jnp.issubdtype(leaves[0].dtype, jnp.floating):
            return "needs a carry of floating-point arrays of one dtype"
        if problem.clip is not None:
            return "has no steps at which clip_gradient could act"
        if self.form == "diagonal":
            if not isinstance(form, Structured):
                return "needs a structured cell (Cell.form) or Newton(form='full')"
            if len({a.shape for a in leaves}) > 1:
                return "needs carries of one size or Newton(form='full')"
        return None


class Static(NamedTuple):
    """What is known while tracing."""

    newton: Newton
    cell: Cell
    batch: tuple[int, ...]


class Given(NamedTuple):
    """The arrays of a recurrence, its parameters prepared and its inputs projected."""

    params: Params
    inputs: tuple[PyTree, Array | None, Array | None]  # projection, mask, reset: each [T, ...]
    start: Carry
    carry: Carry


class System(NamedTuple):
    """``s_t = f_t(s_{t-1})`` for all t; s is the carry as N blocks of M coupled numbers."""

    static: Static
    given: Given

    @property
    def limits(self) -> Limits:
        return Limits(self.static.newton.iterations, self.static.newton.tolerance)

    def step(self, carry: Carry, inputs: tuple, matmul: Callable = recur) -> tuple[Carry, Any]:
        """One step of the cell, with its mask and reset."""
        (u, mask, reset), params, cell = inputs, self.given.params, self.static.cell
        carry = carry if reset is None else where(reset, self.given.start, carry)
        if isinstance(cell.form, Structured):
            a = matmul(cell.form.hidden(params, carry), cell.form.kernel(params))
            new, y = cell.form.update(params, carry, u, a)
        else:
            new, y = cell.step(params, carry, u)
        return where(mask, new, carry), y

    def advance(self, befores: Array, matmul: Callable = recur) -> tuple[Array, Any]:
        """All steps at once, each from the state that is given as the one before it."""

        def one(before: Array, inputs: tuple) -> tuple[Array, Any]:
            new, y = self.step(self.unpack(before), inputs, matmul)
            return self.pack(new), y

        return jax.vmap(one)(befores, self.given.inputs)

    def befores(self, states: Float[Array, "T *B N M"]) -> Float[Array, "T *B N M"]:
        """The state before each step."""
        return jnp.concatenate([self.pack(self.given.carry)[None], states[:-1]])

    def pack(self, carry: Carry) -> Float[Array, "*B N M"]:
        """A carry as blocks: one for each unit, or one of all."""
        flat = [a.reshape(*self.static.batch, -1) for a in jax.tree.leaves(carry)]
        if self.static.newton.form == "diagonal":
            return jnp.stack(flat, -1)
        return jnp.concatenate(flat, -1)[..., None, :]

    def unpack(self, state: Float[Array, "*B N M"]) -> Carry:
        """The carry again."""
        leaves = jax.tree.leaves(self.given.carry)
        if self.static.newton.form == "diagonal":
            flat = list(jnp.unstack(state, axis=-1))
        else:
            sizes = [prod(leaf.shape[len(self.static.batch) :]) for leaf in leaves]
            flat = jnp.split(state[..., 0, :], list(accumulate(sizes))[:-1], axis=-1)
        shaped = [a.reshape(leaf.shape) for a, leaf in zip(flat, leaves, strict=True)]
        return jax.tree.unflatten(jax.tree.structure(self.given.carry), shaped)

    def jacobian(self, befores: Float[Array, "T *B N M"]) -> tuple[Array, Array]:
        """The new states, and the blocks of their derivative [T, *B, N, M, M]."""
        matmul = own_units if self.static.newton.form == "diagonal" else recur
        news, push = jax.linearize(lambda s: self.advance(s, matmul)[0], befores)
        column = lambda e: push(jnp.broadcast_to(e, befores.shape))  # noqa: E731
        basis = jnp.eye(befores.shape[-1], dtype=befores.dtype)
        blocks = jax.vmap(column, out_axes=-1)(basis)
        return news, blocks * jnp.asarray(1.0 - self.static.newton.damping, blocks.dtype)


def make_system(newton: Newton, problem: Problem) -> System:
    """A problem with everything done that needs no recurrence."""
    params, us, form = problem.params, problem.xs, problem.cell.form
    if isinstance(form, Structured):
        params = form.prepare(params)
        us = jax.vmap(lambda x: form.project(params, x))(us)
    given = Given(params, (us, problem.mask, problem.resets), problem.start(), problem.carry)
    return System(Static(newton, problem.cell, problem.batch_shape), given)


@jax.custom_jvp
def own_units(hidden: Float[Array, "*B H"], kernel: Float[Array, "*N H1 GH"]) -> Array:
    """The recurrent matmul, whose derivative knows only of a unit's effect on its own gates."""
    return recur(hidden, kernel)


@own_units.defjvp
def own_units_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    """A derivative that knows of each unit's effect on itself alone."""
    (hidden, kernel), (dhidden, _) = primals, tangents
    units, a = kernel.shape[-2], recur(hidden, kernel)
    gates = kernel.reshape(*kernel.shape[:-1], -1, units)
    own = jnp.diagonal(gates, axis1=-3, axis2=-1).astype(a.dtype)  # [*N, G, H/N]
    batch = a.shape[: a.ndim - kernel.ndim + 1]
    effect = dhidden.reshape(*batch, *own.shape[:-2], 1, units).astype(a.dtype)
    return a, (jnp.broadcast_to(own, (*batch, *own.shape)) * effect).reshape(a.shape)


def solve_forwards(system: System) -> Solved:
    """All states of a system."""

    def linearised(states: Array) -> tuple[Array, Array]:
        return system.jacobian(system.befores(states))

    def scanned() -> Array:
        def body(carry: Carry, inputs: tuple) -> tuple[Carry, Array]:
            new, _ = system.step(carry, inputs)
            return new, system.pack(new)

        return jax.lax.scan(body, system.given.carry, system.given.inputs)[1]

    first = system.pack(system.given.carry)[None]
    length = jax.tree.leaves(system.given.inputs)[0].shape[0]
    guess, _ = system.advance(jnp.broadcast_to(first, (length, *first.shape[1:])))
    return solve(system.limits, linearised, guess, jnp.ones_like(guess), scanned)


def solve_backwards(system: System, befores: Array, cotangents: Array) -> Solved:
    """``l_t = g_t + J_{t+1}^T l_{t+1}`` for all t."""
    blocks = earlier(jnp.swapaxes(system.jacobian(befores)[1], -2, -1))
    _, pull = jax.vjp(lambda s: system.advance(s)[0], befores)

    def linearised(states: Array) -> tuple[Array, Array]:
        return cotangents + earlier(pull(states)[0]), blocks

    def scanned() -> Array:
        def body(after: Array, inputs: tuple) -> tuple[Array, Array]:
            before, inputs, cotangent = inputs
            total = cotangent + after
            step = lambda s: system.pack(system.step(system.unpack(s), inputs)[0])  # noqa: E731
            return jax.vjp(step, before)[1](total)[0], total

        sequence = (befores, system.given.inputs, cotangents)
        return jax.lax.scan(body, jnp.zeros_like(befores[0]), sequence, reverse=True)[1]

    # Roundings of a cotangent are measured against the largest one in its row.
    axes = (0, -2, -1)
    largest = jnp.max(jnp.abs(cotangents), axis=axes, keepdims=True)
    floor = jnp.broadcast_to(largest, cotangents.shape)
    return solve(system.limits, linearised, cotangents, floor, scanned, reverse=True)


def earlier(states: Float[Array, "T ..."]) -> Float[Array, "T ..."]:
    """What belongs to step t + 1 at the place of step t."""
    return jnp.concatenate([states[1:], jnp.zeros_like(states[:1])])


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def implicit(
    static: Static, given: Given, settled: Float[Array, "T *B N M"], news: Float[Array, "T *B N M"]
) -> Float[Array, "T *B N M"]:
    """``settled``, with the derivative of the solution of ``s_t = news_t(s_{t-1})``."""
    return settled


def implicit_forwards(static, given, settled, news):
    """The states as they settled, and what the backward pass needs."""
    return settled, (given, settled)


def implicit_backwards(static: Static, saved: tuple, cotangents: Array) -> tuple:
    """The implicit function theorem: one linear solve backwards through time."""
    given, settled = saved
    system = System(static, given)
    return None, None, solve_backwards(system, system.befores(settled), cotangents).states


implicit.defvjp(implicit_forwards, implicit_backwards)


def newton_steps(
    cell: Cell,
    params: Params,
    xs: Float[Array, "T *B D"],
    carry: Carry | None = None,
    *,
    mask: Bool[Array, "T *B"] | None = None,
    resets: Bool[Array, "T *B"] | None = None,
    engine: Newton = Newton(),  # noqa: B008
) -> tuple[Int[Array, ""], Bool[Array, ""]]:
    """How many iterations ``unroll(..., engine=engine)`` takes forwards, and whether it converged.

    Where it did not, ``unroll`` gives the scan's result.
    """
    carry = cell.start(params, xs.shape[1:-1]) if carry is None else carry
    xs = xs if mask is None else where(mask, xs, jnp.zeros_like(xs))
    problem = Problem(cell, params, xs, carry, mask, resets)
    reason = engine.refusal(problem)
    if reason:
        raise UserError(f"engine='newton' {reason}")
    solved = solve_forwards(make_system(engine, problem))
    return solved.steps, solved.converged
