"""Parallel Newton iteration over time, for cells that are not linear in their state.

All T equations s_t = f_t(s_{t-1}) are solved at once (DEER: Lim et al. 2024, arXiv:2309.12252;
quasi-DEER: Gonzalez et al. 2024, arXiv:2407.19115).  One iteration linearises them around a guess
and solves the resulting linear recurrence in O(log T) depth:

    r_t = f_t(s_{t-1}) - s_t        A_t ~ df_t / ds_{t-1}
    d_t = A_t d_{t-1} + r_t         s_t <- s_t + d_t

The A_t determine only the speed of convergence; r = 0 holds for the trajectory of the scan alone.
So the iteration stops when the residual is a few rounding errors, and if that takes more than
``iterations``, the scan runs instead.  The backward pass, l_t = g_t + J_{t+1}^T l_{t+1}, is another
such recurrence, linear and reversed.  The same iteration solves it; the full form needs one
iteration and a second one that confirms the result.
"""

from collections.abc import Callable
from functools import partial
from itertools import accumulate
from math import prod
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import recurrent_matmul
from seqmodels.engines.iterate import Limits, Solution, solve
from seqmodels.engines.problem import Problem, where, zeros_like
from seqmodels.errors import UserError
from seqmodels.types import Array, Bool, Carry, Cell, Float, Int, Params, PyTree, Structured


class Newton(NamedTuple):
    """Run a cell by parallel Newton iteration; no forward mode, no second derivatives.

    form:       "diagonal" couples only the numbers of one unit (h and c of an LSTM).  It costs O(H)
                per step and needs a structured cell.  "full" uses the whole Jacobian, which takes
                O(H^2) memory and O(H^3) time per step and fewer iterations, for any small cell.
    damping:    multiplies A by 1 - damping; 0 is Newton's method, 1 is fixed-point iteration, which
                is exact after T iterations.
    iterations: the largest number of iterations before falling back to the scan.
    tolerance:  the largest accepted residual, in rounding errors of the state.

    Under ``vmap``, one member that has not converged keeps all of them iterating, and the scan
    always runs.  Pass sequences that share their parameters as batch axes instead.
    """

    form: Literal["diagonal", "full"] = "diagonal"
    damping: float = 0.0
    iterations: int = 100
    tolerance: float = 16.0

    def refusal(self, problem: Problem) -> str | None:
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

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        system = make_system(self, problem)
        detached = system._replace(arrays=jax.lax.stop_gradient(system.arrays))
        solution = solve_states(detached).states
        updated, _ = system.advance(system.previous(solution))
        states = implicit_solution(system.static, system.arrays, solution, updated)
        _, ys = system.advance(system.previous(states))
        ys = ys if problem.mask is None else where(problem.mask, ys, zeros_like(ys))
        return ys, system.unpack(states[-1])


class SystemStatic(NamedTuple):
    """The part of a system that is not traced."""

    newton: Newton
    cell: Cell
    batch: tuple[int, ...]


class SystemArrays(NamedTuple):
    """The arrays of a system: prepared parameters, projected inputs and carries."""

    params: Params
    inputs: tuple[PyTree, Array | None, Array | None]  # projection, mask, reset: each [T, ...]
    start: Carry
    carry: Carry


class NewtonSystem(NamedTuple):
    """The equations ``s_t = f_t(s_{t-1})``; s is the carry as N blocks of M coupled numbers."""

    static: SystemStatic
    arrays: SystemArrays

    @property
    def limits(self) -> Limits:
        return Limits(self.static.newton.iterations, self.static.newton.tolerance)

    def step(
        self, carry: Carry, inputs: tuple, matmul: Callable = recurrent_matmul
    ) -> tuple[Carry, Any]:
        """Apply one step of the cell with its mask and reset."""
        (u, mask, reset), params, cell = inputs, self.arrays.params, self.static.cell
        carry = carry if reset is None else where(reset, self.arrays.start, carry)
        if isinstance(cell.form, Structured):
            a = matmul(cell.form.hidden(params, carry), cell.form.kernel(params))
            new, y = cell.form.update(params, carry, u, a)
        else:
            new, y = cell.step(params, carry, u)
        return where(mask, new, carry), y

    def advance(
        self, previous: Float[Array, "T *B N M"], matmul: Callable = recurrent_matmul
    ) -> tuple[Float[Array, "T *B N M"], Any]:
        """Apply all steps in parallel, each to its previous state."""

        def advance_one(previous: Array, inputs: tuple) -> tuple[Array, Any]:
            new, y = self.step(self.unpack(previous), inputs, matmul)
            return self.pack(new), y

        return jax.vmap(advance_one)(previous, self.arrays.inputs)

    def previous(self, states: Float[Array, "T *B N M"]) -> Float[Array, "T *B N M"]:
        """Return the state before each step."""
        return jnp.concatenate([self.pack(self.arrays.carry)[None], states[:-1]])

    def pack(self, carry: Carry) -> Float[Array, "*B N M"]:
        """Return a carry as blocks: one per unit ("diagonal") or a single one ("full")."""
        flat = [a.reshape(*self.static.batch, -1) for a in jax.tree.leaves(carry)]
        if self.static.newton.form == "diagonal":
            return jnp.stack(flat, -1)
        return jnp.concatenate(flat, -1)[..., None, :]

    def unpack(self, state: Float[Array, "*B N M"]) -> Carry:
        """Return the carry of a packed state."""
        leaves = jax.tree.leaves(self.arrays.carry)
        if self.static.newton.form == "diagonal":
            flat = list(jnp.unstack(state, axis=-1))
        else:
            sizes = [prod(leaf.shape[len(self.static.batch) :]) for leaf in leaves]
            flat = jnp.split(state[..., 0, :], list(accumulate(sizes))[:-1], axis=-1)
        shaped = [a.reshape(leaf.shape) for a, leaf in zip(flat, leaves, strict=True)]
        return jax.tree.unflatten(jax.tree.structure(self.arrays.carry), shaped)

    def jacobian(
        self, previous: Float[Array, "T *B N M"]
    ) -> tuple[Float[Array, "T *B N M"], Float[Array, "T *B N M M"]]:
        """Return the new states and the blocks of their derivative."""
        matmul = diagonal_recur if self.static.newton.form == "diagonal" else recurrent_matmul
        updated, push = jax.linearize(lambda s: self.advance(s, matmul)[0], previous)
        column = lambda e: push(jnp.broadcast_to(e, previous.shape))  # noqa: E731
        basis = jnp.eye(previous.shape[-1], dtype=previous.dtype)
        blocks = jax.vmap(column, out_axes=-1)(basis)
        return updated, blocks * jnp.asarray(1.0 - self.static.newton.damping, blocks.dtype)


def make_system(newton: Newton, problem: Problem) -> NewtonSystem:
    """Prepare the parameters, project all inputs and return the system of a problem."""
    params, us, form = problem.params, problem.xs, problem.cell.form
    if isinstance(form, Structured):
        params = form.prepare(params)
        us = jax.vmap(lambda x: form.project(params, x))(us)
    inputs = us, problem.mask, problem.resets
    arrays = SystemArrays(params, inputs, problem.start(), problem.carry)
    return NewtonSystem(SystemStatic(newton, problem.cell, problem.batch_shape), arrays)


@jax.custom_jvp
def diagonal_recur(hidden: Float[Array, "*B H"], kernel: Float[Array, "*N H1 GH"]) -> Array:
    """Apply the recurrent matmul; its derivative keeps only each unit's effect on its own gates."""
    return recurrent_matmul(hidden, kernel)


@diagonal_recur.defjvp
def diagonal_recur_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    """Multiply each unit's tangent by the weights from that unit to its gates."""
    (hidden, kernel), (dhidden, _) = primals, tangents
    units, a = kernel.shape[-2], recurrent_matmul(hidden, kernel)
    gates = kernel.reshape(*kernel.shape[:-1], -1, units)
    diagonal = jnp.diagonal(gates, axis1=-3, axis2=-1).astype(a.dtype)  # [*N, G, H/N]
    batch = a.shape[: a.ndim - kernel.ndim + 1]
    effect = dhidden.reshape(*batch, *diagonal.shape[:-2], 1, units).astype(a.dtype)
    return a, (jnp.broadcast_to(diagonal, (*batch, *diagonal.shape)) * effect).reshape(a.shape)


def solve_states(system: NewtonSystem) -> Solution:
    """Solve a system for all its states."""

    def linearise(states: Array) -> tuple[Array, Array]:
        return system.jacobian(system.previous(states))

    def scan() -> Array:
        def body(carry: Carry, inputs: tuple) -> tuple[Carry, Array]:
            new, _ = system.step(carry, inputs)
            return new, system.pack(new)

        return jax.lax.scan(body, system.arrays.carry, system.arrays.inputs)[1]

    first = system.pack(system.arrays.carry)[None]
    length = jax.tree.leaves(system.arrays.inputs)[0].shape[0]
    guess, _ = system.advance(jnp.broadcast_to(first, (length, *first.shape[1:])))
    return solve(system.limits, linearise, guess, jnp.ones_like(guess), scan)


def solve_cotangents(system: NewtonSystem, previous: Array, cotangents: Array) -> Solution:
    """Solve ``l_t = g_t + J_{t+1}^T l_{t+1}`` for all t."""
    blocks = shift_back(jnp.swapaxes(system.jacobian(previous)[1], -2, -1))
    _, pull = jax.vjp(lambda s: system.advance(s)[0], previous)

    def linearise(states: Array) -> tuple[Array, Array]:
        return cotangents + shift_back(pull(states)[0]), blocks

    def scan() -> Array:
        def body(after: Array, row: tuple) -> tuple[Array, Array]:
            before, inputs, cotangent = row
            total = cotangent + after
            step = lambda s: system.pack(system.step(system.unpack(s), inputs)[0])  # noqa: E731
            return jax.vjp(step, before)[1](total)[0], total

        rows = (previous, system.arrays.inputs, cotangents)
        return jax.lax.scan(body, jnp.zeros_like(previous[0]), rows, reverse=True)[1]

    # Rounding errors of a cotangent are measured relative to the largest one in its row.
    axes = (0, -2, -1)
    largest = jnp.max(jnp.abs(cotangents), axis=axes, keepdims=True)
    floor = jnp.broadcast_to(largest, cotangents.shape)
    return solve(system.limits, linearise, cotangents, floor, scan, reverse=True)


def shift_back(states: Float[Array, "T ..."]) -> Float[Array, "T ..."]:
    """Move the value of step t + 1 to step t; the last step gets zeros."""
    return jnp.concatenate([states[1:], jnp.zeros_like(states[:1])])


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def implicit_solution(
    static: SystemStatic,
    arrays: SystemArrays,
    solution: Float[Array, "T *B N M"],
    updated: Float[Array, "T *B N M"],
) -> Float[Array, "T *B N M"]:
    """Return ``solution`` with the derivative of the fixed point ``s_t = f_t(s_{t-1})``."""
    return solution


def implicit_solution_fwd(static, arrays, solution, updated):
    """Save the arrays and the solution for the backward pass."""
    return solution, (arrays, solution)


def implicit_solution_bwd(static: SystemStatic, saved: tuple, cotangents: Array) -> tuple:
    """Apply the implicit function theorem: one linear solve backwards in time."""
    arrays, solution = saved
    system = NewtonSystem(static, arrays)
    return None, None, solve_cotangents(system, system.previous(solution), cotangents).states


implicit_solution.defvjp(implicit_solution_fwd, implicit_solution_bwd)


def newton_iterations(
    cell: Cell,
    params: Params,
    xs: Float[Array, "T *B D"],
    carry: Carry | None = None,
    *,
    mask: Bool[Array, "T *B"] | None = None,
    resets: Bool[Array, "T *B"] | None = None,
    engine: Newton = Newton(),  # noqa: B008
) -> tuple[Int[Array, ""], Bool[Array, ""]]:
    """Return the iterations of the forward pass of ``unroll``, and whether they converged.

    If they did not, ``unroll(..., engine=engine)`` returns the result of the scan.
    """
    carry = cell.start(params, xs.shape[1:-1]) if carry is None else carry
    xs = xs if mask is None else where(mask, xs, jnp.zeros_like(xs))
    problem = Problem(cell, params, xs, carry, mask, resets)
    reason = engine.refusal(problem)
    if reason:
        raise UserError(f"engine='newton' {reason}")
    solution = solve_states(make_system(engine, problem))
    return solution.iterations, solution.converged
