"""Newton's iteration for all steps of a recurrence at once; ``newton.py`` applies it to cells."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.types import Array, Bool, Float, Int


class Limits(NamedTuple):
    """The largest number of iterations, and the accepted residual in units of rounding errors."""

    iterations: int
    tolerance: float


class Solution(NamedTuple):
    """The states of all steps, the number of iterations, and whether they converged.

    If they did not, the states are those of the scan.
    """

    states: Float[Array, "T *B N M"]
    iterations: Int[Array, ""]
    converged: Bool[Array, ""]


def solve(
    limits: Limits,
    linearise: Callable[[Array], tuple[Array, Array]],
    guess: Float[Array, "T *B N M"],
    floor: Float[Array, "T *B N M"],
    scan: Callable[[], Array],
    reverse: bool = False,
) -> Solution:
    """Solve ``s = F(s)`` by Newton's iteration; ``linearise`` returns F(s) and its Jacobian blocks.

    The iteration has converged when every residual is at most ``limits.tolerance`` rounding errors
    of ``max(floor, |s|)``.  Otherwise ``scan`` computes the states.
    """
    rounding = jnp.asarray(limits.tolerance, guess.dtype) * jnp.finfo(guess.dtype).eps

    def iterate(solution: Solution) -> Solution:
        updated, blocks = linearise(solution.states)
        residual = updated - solution.states
        allowed = rounding * jnp.maximum(floor, jnp.abs(solution.states))
        states = solution.states + linear_recurrence(blocks, residual, reverse)
        states = jnp.where(jnp.isfinite(states), states, updated)  # after an overflow: a plain step
        converged = jnp.all(jnp.abs(residual) <= allowed)
        return Solution(states, solution.iterations + 1, converged)

    def unfinished(solution: Solution) -> Array:
        return ~solution.converged & (solution.iterations < limits.iterations)

    first = Solution(guess, jnp.zeros((), jnp.int32), jnp.zeros((), bool))
    solution = jax.lax.while_loop(unfinished, iterate, first)
    states = jax.lax.cond(solution.converged, lambda: solution.states, scan)
    return solution._replace(states=states)


def linear_recurrence(
    blocks: Float[Array, "T *B N M M"], inputs: Float[Array, "T *B N M"], reverse: bool
) -> Float[Array, "T *B N M"]:
    """Solve ``d_t = A_t d_{t-1} + r_t`` from zero, or backwards in time with ``reverse``."""

    def compose(first: tuple[Array, Array], then: tuple[Array, Array]) -> tuple[Array, Array]:
        (a, b), (after, c) = first, then
        return matmul_small(after, a), matmul_small(after, b[..., None])[..., 0] + c

    return jax.lax.associative_scan(compose, (blocks, inputs), reverse=reverse)[1]


def matmul_small(a: Float[Array, "*B M K"], b: Float[Array, "*B K L"]) -> Float[Array, "*B M L"]:
    """Multiply matrices; tiny ones by elementwise operations, which compilers fuse."""
    if a.shape[-1] > 4:
        return jnp.matmul(a, b)
    return jnp.sum(a[..., :, :, None] * b[..., None, :, :], axis=-2)
