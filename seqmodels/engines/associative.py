"""Parallel scan for recurrences that are linear in their state.

The recurrence h_t = a_t * h_{t-1} + b_t composes affine maps, and their composition

    (a_2, b_2) o (a_1, b_1) = (a_1 a_2, a_2 b_1 + b_2)

is associative, so ``lax.associative_scan`` computes all T states in O(log T) depth.  In log space,
products become sums and sums become ``logaddexp``.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.engines.problem import Problem, where, zeros_like
from seqmodels.types import Array, Carry, Linear


class Affine(NamedTuple):
    """The map ``h -> a h + b`` (in log space: ``h -> logaddexp(a + h, b)``)."""

    a: Array
    b: Array


def compose(first: Affine, then: Affine) -> Affine:
    """Compose two maps ``h -> a h + b``, ``first`` applied first."""
    return Affine(first.a * then.a, then.a * first.b + then.b)


def compose_log(first: Affine, then: Affine) -> Affine:
    """Compose two maps ``h -> logaddexp(a + h, b)``, ``first`` applied first."""
    return Affine(first.a + then.a, jnp.logaddexp(then.a + first.b, then.b))


class Associative(NamedTuple):
    """Run a linear cell in O(log T) depth; it holds all T states in memory."""

    def refusal(self, problem: Problem) -> str | None:
        if not isinstance(problem.cell.form, Linear):
            return "needs a cell that is linear in its state (minGRU, minLSTM, LRU, RG-LRU)"
        if problem.clip is not None:
            return "has no steps at which clip_gradient could act"
        return None

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        form, start = problem.linear, problem.start()
        log = form.log
        combine = compose_log if log else compose
        maps = Affine(*form.elements(problem.params, problem.xs))
        zero = jnp.full_like(maps.b, -jnp.inf if log else 0.0)
        one = jnp.full_like(maps.a, 0.0 if log else 1.0)
        if problem.resets is not None:
            started = combine(Affine(zero, jnp.broadcast_to(start, zero.shape)), maps)
            maps = where(problem.resets, Affine(zero, started.b), maps)
        if problem.mask is not None:
            skipped = Affine(one, zero)
            if problem.resets is not None:  # masked steps are still reset
                skipped = where(
                    problem.resets, Affine(zero, jnp.broadcast_to(start, zero.shape)), skipped
                )
            maps = where(problem.mask, maps, skipped)
        maps = maps._replace(b=apply_first_map(combine, problem.carry, maps))
        states = jax.lax.associative_scan(combine, maps, axis=0).b
        ys = form.read(problem.params, states, problem.xs)
        ys = ys if problem.mask is None else where(problem.mask, ys, zeros_like(ys))
        return ys, states[-1]


def apply_first_map(
    combine: Callable[[Affine, Affine], Affine], carry: Array, maps: Affine
) -> Array:
    """Return the offsets ``b`` with the first map applied to the initial state."""
    first = combine(Affine(jnp.zeros_like(carry), carry), jax.tree.map(lambda m: m[0], maps))
    return maps.b.at[0].set(first.b)
