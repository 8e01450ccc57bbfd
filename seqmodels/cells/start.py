"""A learned initial state, for any cell."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.errors import UserError
from seqmodels.types import Array, Carry, Cell, Composite, Linear, Params, PyTree, Structured


def learned_start(cell: Cell) -> Cell:
    """The cell with its initial carry among the parameters: ``{"cell": ..., "start": ...}``.

    It begins as the cell's own start, is shared by all sequences, and is what a reset returns to.
    Complex states are kept as [real, imaginary], so that every parameter is real.
    """
    if isinstance(cell.form, Composite):
        raise UserError("learned_start: wrap each cell of a stack or of a wrap, not the whole")

    def init(key: jax.Array) -> Params:
        params = cell.init(key)
        return {"cell": params, "start": jax.tree.map(as_real, cell.start(params, ()))}

    def start(params: Params, batch_shape: tuple[int, ...]) -> Carry:
        wanted = jax.eval_shape(lambda p: cell.start(p, batch_shape), params["cell"])
        return jax.tree.map(repeated, params["start"], wanted)

    def step(params: Params, carry: Carry, x: Any) -> tuple[Carry, Any]:
        return cell.step(params["cell"], carry, x)

    draw = cell.draw and partial(draw_inner, cell.draw)
    return Cell(init, start, step, draw, inner_form(cell.form), cell.size)


def draw_inner(
    draw: Callable, params: Params, key: jax.Array, length: int, batch_shape: tuple[int, ...]
) -> tuple[Params, PyTree]:
    """``Cell.draw`` of a cell whose parameters lie under ``"cell"``."""
    inner, noise = draw(params["cell"], key, length, batch_shape)
    return params | {"cell": inner}, noise


def as_real(state: Array) -> Array:
    """A complex array as two real ones, stacked; a real array as it is."""
    return jnp.stack([state.real, state.imag]) if jnp.iscomplexobj(state) else state


def repeated(stored: Array, wanted: jax.ShapeDtypeStruct) -> Array:
    """The state that ``as_real`` stored, with batch axes and of the dtype that is wanted."""
    if jnp.issubdtype(wanted.dtype, jnp.complexfloating):
        stored = jax.lax.complex(stored[0], stored[1])
    return jnp.broadcast_to(stored, wanted.shape)


def inner_form(form: Structured | Linear | None) -> Structured | Linear | None:
    """The form of a cell whose parameters lie under ``"cell"``."""
    if isinstance(form, Structured):
        return form._replace(prepare=lambda params: form.prepare(params["cell"]))
    if isinstance(form, Linear):
        return form._replace(
            elements=lambda params, x: form.elements(params["cell"], x),
            read=lambda params, h, x: form.read(params["cell"], h, x),
        )
    return None
