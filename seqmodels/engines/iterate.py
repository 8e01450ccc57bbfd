"""Newton's iteration for all steps of a recurrence at once (see ``newton.py``)."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.types import Array, Bool, Float, Int


class Limits(NamedTuple):
    """When to stop: after so many iterations, or at a residual of so many roundings."""

    iterations: int
    tolerance: float


class Solved(NamedTuple):
    """The states of all steps, how many iterations they took, and whether that was enough.

    Where it was not, the states are those of the scan.
    """

    states: Float[Array, "T *B N M"]
    steps: Int[Array, ""]
    converged: Bool[Array, ""]


def solve(
    limits: Limits,
    linearised: Callable[[Array], tuple[Array, Array]],
    guess: Float[Array, "T *B N M"],
    floor: Float[Array, "T *B N M"],
    scanned: Callable[[], Array],
    reverse: bool = False,
) -> Solved:
    """Newton's iteration for ``s = F(s)``, where ``linearised`` gives F(s) and its blocks.

    The scan's states where a residual stays larger than some roundings of max(floor, |s|).
    """
    rounding = jnp.asarray(limits.tolerance, guess.dtype) * jnp.finfo(guess.dtype).eps

    def iterate(solved: Solved) -> Solved:
        news, blocks = linearised(solved.states)
        residual = news - solved.states
        allowed = rounding * jnp.maximum(floor, jnp.abs(solved.states))
        states = solved.states + linear_recurrence(blocks, residual, reverse)
        states = jnp.where(jnp.isfinite(states), states, news)  # after an overflow: a plain step
        return Solved(states, solved.steps + 1, jnp.all(jnp.abs(residual) <= allowed))

    def unfinished(solved: Solved) -> Array:
        return ~solved.converged & (solved.steps < limits.iterations)

    nothing = Solved(guess, jnp.zeros((), jnp.int32), jnp.zeros((), bool))
    solved = jax.lax.while_loop(unfinished, iterate, nothing)
    states = jax.lax.cond(solved.converged, lambda: solved.states, scanned)
    return solved._replace(states=states)


def linear_recurrence(
    blocks: Float[Array, "T *B N M M"], inputs: Float[Array, "T *B N M"], reverse: bool
) -> Float[Array, "T *B N M"]:
    """``d_t = A_t d_{t-1} + r_t`` from d = 0, or from the other end."""

    def compose(first: tuple[Array, Array], then: tuple[Array, Array]) -> tuple[Array, Array]:
        (a, b), (after, c) = first, then
        return product(after, a), product(after, b[..., None])[..., 0] + c

    return jax.lax.associative_scan(compose, (blocks, inputs), reverse=reverse)[1]


def product(a: Float[Array, "*B M K"], b: Float[Array, "*B K L"]) -> Float[Array, "*B M L"]:
    """The matrix product; for tiny matrices as elementwise work, which compilers fuse."""
    if a.shape[-1] > 4:
        return jnp.matmul(a, b)
    return jnp.sum(a[..., :, :, None] * b[..., None, :, :], axis=-2)
