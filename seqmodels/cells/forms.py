"""Cells from their structured or linear form, and zero initial states."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import DType, at_least_float32, recurrent_matmul
from seqmodels.types import Array, Carry, Cell, Linear, Params, Structured


def zero_start(*sizes: int, dtype: DType) -> Callable[[Params, tuple[int, ...]], Carry]:
    """Return a ``start`` whose carry is one zero vector, or a tuple of several."""

    def start(params: Params, batch_shape: tuple[int, ...]) -> Carry:
        states = tuple(jnp.zeros((*batch_shape, size), at_least_float32(dtype)) for size in sizes)
        return states[0] if len(sizes) == 1 else states

    return start


def structured_cell(
    init: Callable[[jax.Array], Params],
    start: Callable[[Params, tuple[int, ...]], Carry],
    form: Structured,
    size: int | None,
) -> Cell:
    """Return a cell whose ``step`` is computed from its structured form."""

    def step(params: Params, carry: Carry, x: Any) -> tuple[Carry, Any]:
        return structured_step(form, form.prepare(params), carry, x)

    return Cell(init, start, step, form=form, size=size)


def structured_step(form: Structured, prepared: Params, carry: Carry, x: Any) -> tuple[Carry, Any]:
    """Apply one step of a structured cell to its prepared parameters."""
    u = form.project(prepared, x)
    a = recurrent_matmul(form.hidden(prepared, carry), form.kernel(prepared))
    return form.update(prepared, carry, u, a)


def linear_cell(
    init: Callable[[jax.Array], Params],
    start: Callable[[Params, tuple[int, ...]], Carry],
    form: Linear,
    size: int,
) -> Cell:
    """Return a cell whose ``step`` is computed from its linear form."""

    def step(params: Params, h: Array, x: Any) -> tuple[Array, Any]:
        a, b = form.elements(params, x)
        h = jnp.logaddexp(a + h, b) if form.log else a * h + b
        return h, form.read(params, h, x)

    return Cell(init, start, step, form=form, size=size)
