"""Learned initial states, for any cell."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.errors import UserError
from seqmodels.types import Array, Carry, Cell, Composite, Linear, Params, PyTree, Structured


def learned_start(cell: Cell) -> Cell:
    """Make the initial carry of a cell a parameter, ``{"cell": ..., "start": ...}``.

    It is initialised to the start of the cell, and all sequences share it.  A reset returns to it.
    Complex states are stored as [real, imaginary], so that every parameter is real.
    """
    if isinstance(cell.form, Composite):
        raise UserError("learned_start needs a single cell: apply it to each cell of the network")

    def init(key: jax.Array) -> Params:
        params = cell.init(key)
        return {"cell": params, "start": jax.tree.map(_to_real, cell.start(params, ()))}

    def start(params: Params, batch_shape: tuple[int, ...]) -> Carry:
        shapes = jax.eval_shape(lambda p: cell.start(p, batch_shape), params["cell"])
        return jax.tree.map(_from_real, params["start"], shapes)

    def step(params: Params, carry: Carry, x: Any) -> tuple[Carry, Any]:
        return cell.step(params["cell"], carry, x)

    draw = cell.draw and partial(_draw, cell)
    return Cell(init, start, step, draw, _inner_form(cell.form), cell.size)


def _draw(
    cell: Cell, params: Params, key: jax.Array, length: int, batch_shape: tuple[int, ...]
) -> tuple[Params, PyTree]:
    """Draw the noise of a cell whose parameters are under ``"cell"``."""
    assert cell.draw is not None
    inner, noise = cell.draw(params["cell"], key, length, batch_shape)
    return params | {"cell": inner}, noise


def _to_real(state: Array) -> Array:
    """Stack the real and imaginary part of a complex array; return a real array unchanged."""
    return jnp.stack([state.real, state.imag]) if jnp.iscomplexobj(state) else state


def _from_real(stored: Array, like: jax.ShapeDtypeStruct) -> Array:
    """Invert ``_to_real`` and broadcast to the shape of ``like``."""
    if jnp.issubdtype(like.dtype, jnp.complexfloating):
        stored = jax.lax.complex(stored[0], stored[1])
    return jnp.broadcast_to(stored, like.shape)


def _inner_form(form: Structured | Linear | None) -> Structured | Linear | None:
    """Return the form of a cell whose parameters are under ``"cell"``."""
    if isinstance(form, Structured):
        return form._replace(prepare=lambda params: form.prepare(params["cell"]))
    if isinstance(form, Linear):
        return form._replace(
            elements=lambda params, x: form.elements(params["cell"], x),
            read=lambda params, h, x: form.read(params["cell"], h, x),
        )
    return None
