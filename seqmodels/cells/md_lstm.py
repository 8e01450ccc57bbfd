"""LSTM cells in two dimensions: Graves's, and the stable ones of Leifert et al.

A cell reads the states to its left and above it.  In the equations, subscripts l and u denote these
two, and every gate has the pre-activation

    z = W_x x + W_l h_l + W_u h_u + b

The rows of the kernel ``wh`` are those of W_l, then those of W_u.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import (
    DType,
    at_least_float32,
    bias_gradients,
    broadcast_rows,
    cast,
    check_dtype,
    gate_scale,
    matmul,
    split_gates,
    tanh_to_sigmoid,
)
from seqmodels.cells.forms import structured_step
from seqmodels.cells.initializers import Initializer, gate_init, glorot, orthogonal
from seqmodels.cells.lstm import LSTMCarry
from seqmodels.types import (
    Array,
    Cotangents,
    Float,
    GridCell,
    Neighbours,
    Params,
    Pullback,
    Structured,
)

GATES = 5  # of every cell in this file; the candidate g is the last


def md_lstm(inputs: int, hidden: int, *, forget_bias: float = 0.0, **options) -> GridCell:
    """LSTM with one forget gate per dimension, of Graves and Schmidhuber (2009), without peepholes.

        i = sigma(z_i)   f_l = sigma(z_fl)   f_u = sigma(z_fu)   o = sigma(z_o)   g = tanh(z_g)
        c = f_l * c_l + f_u * c_u + i * g
        h = o * tanh(c)

    "Offline handwriting recognition with multidimensional recurrent neural networks".  c grows
    exponentially along the diagonals where f_l + f_u > 1, as it is for a forget bias above zero.
    Gates are in the order i, f_l, f_u, o, g.  ``options`` are those of ``grid_cell``.
    """
    return grid_cell(GRAVES, inputs, hidden, (0.0, forget_bias, forget_bias), **options)


def convex_md_lstm(inputs: int, hidden: int, *, forget_bias: float = 1.0, **options) -> GridCell:
    """LSTM whose previous state is a convex combination: the stable cell of Leifert et al. (2016).

        i = sigma(z_i)   f = sigma(z_f)   k = sigma(z_k)   o = sigma(z_o)   g = tanh(z_g)
        p = k * c_l + (1 - k) * c_u
        c = f * p + i * g
        h = o * tanh(c)

    "Cells in multidimensional recurrent neural networks", JMLR 17(97).  As in one dimension, |c|
    grows at most linearly.  Gates are in the order i, f, k, o, g.
    """
    return grid_cell(CONVEX, inputs, hidden, (0.0, forget_bias), **options)


def leaky_lp(inputs: int, hidden: int, *, forget_bias: float = 1.0, **options) -> GridCell:
    """Leaky cell with a low-pass output: the LeakyLP cell of Leifert et al. (2016).

        f = sigma(z_f)   k = sigma(z_k)   o = sigma(z_o)   q = sigma(z_q)   g = tanh(z_g)
        p = k * c_l + (1 - k) * c_u
        c = f * p + (1 - f) * g
        h = tanh(o * c + q * p)

    "Cells in multidimensional recurrent neural networks", JMLR 17(97).  |c| < 1 everywhere.  Gates
    are in the order f, k, o, q, g.
    """
    return grid_cell(LEAKY, inputs, hidden, (forget_bias,), **options)


GRID_CELLS: dict[str, Callable[..., GridCell]] = {
    "md_lstm": md_lstm,
    "convex_md_lstm": convex_md_lstm,
    "leaky_lp": leaky_lp,
}


def grid_cell(
    unit: "Unit",
    inputs: int,
    hidden: int,
    gate_biases: tuple[float, ...],
    *,
    kernel_init: Initializer = glorot,
    recurrent_init: Initializer = orthogonal,
    dtype: DType | None = None,
    param_dtype: DType = jnp.float32,
) -> GridCell:
    """Return a cell with four sigmoid gates and a candidate, in the order that ``unit`` reads.

    gate_biases: initial biases of the first gates; those of the others are zero
    """
    param_dtype = check_dtype(param_dtype)

    biases = (*gate_biases, *(0.0,) * (GATES - len(gate_biases)))

    def init(key: jax.Array) -> Params:
        key_x, key_l, key_u = jax.random.split(key, 3)
        recurrent = [
            gate_init(recurrent_init, k, hidden, hidden, GATES, param_dtype) for k in (key_l, key_u)
        ]
        return {
            "wx": gate_init(kernel_init, key_x, inputs, hidden, GATES, param_dtype),
            "wh": jnp.concatenate(recurrent),
            "b": jnp.repeat(jnp.asarray(biases, param_dtype), hidden),
        }

    def start(params: Params, batch_shape: tuple[int, ...]) -> LSTMCarry:
        zeros = jnp.zeros((*batch_shape, hidden), at_least_float32(param_dtype))
        return LSTMCarry(zeros, zeros)

    def step(params: Params, neighbours: Neighbours, x: Array) -> tuple[LSTMCarry, Array]:
        return structured_step(form, form.prepare(params), neighbours, x)

    form = _form(unit, jnp.dtype(dtype or param_dtype))
    return GridCell(init, start, step, form, inputs)


def _form(unit: "Unit", dtype: DType) -> Structured:
    """Return the structured form of a cell, with its pullback."""
    return Structured(
        project=lambda params, x: matmul(x, params["wx"]),
        kernel=lambda params: params["wh"],
        hidden=lambda params, at: jnp.concatenate([at.left.h, at.up.h], axis=-1),
        update=lambda params, *row: _keep(unit, params, *row)[0],
        prepare=partial(_prepare, dtype=dtype),
        pullback=Pullback(
            partial(_keep, unit), partial(_linearise, unit), partial(_pull, unit), _gather
        ),
    )


def _prepare(params: Params, dtype: DType) -> Params:
    """Scale the columns of the sigmoid gates and cast the matrices."""
    scale = gate_scale(params["b"].shape[-1] // GATES, GATES, linear=(GATES - 1,))
    scale = scale.astype(params["b"].dtype)
    scaled = {name: a * broadcast_rows(scale, a) for name, a in params.items()}
    return cast(scaled, dtype, "wx", "wh")


class Slopes(NamedTuple):
    """The derivatives of a step; dc, dp and dh are the cotangents of c, p and h.

        dc = dc + dh * output     dp = dc * forget + dh * bypass

    Each gate and predecessor then needs one factor.  Where ``forget`` is None, dp = dc.
    """

    z: Float[Array, "*K GH"]
    left: Float[Array, "*K H"]
    up: Float[Array, "*K H"]
    output: Float[Array, "*K H"]
    forget: Float[Array, "*K H"] | None = None
    bypass: Float[Array, "*K H"] | None = None


class Unit(NamedTuple):
    """The elementwise equations of a cell, from the outputs t of the tanh and the states c_l, c_u.

    result: ``(t, c_l, c_u) -> (c, h, saved)``; ``saved`` is the tanh from which h is computed
    slopes: ``(t, c_l, c_u, saved) -> Slopes``
    source: for each gate, which of "c", "p" and "h" its factor in ``Slopes.z`` multiplies
    """

    result: Callable[[Array, Array, Array], tuple[Array, Array, Array]]
    slopes: Callable[[Array, Array, Array, Array], Slopes]
    source: str


def _result_graves(t: Array, left: Array, up: Array) -> tuple[Array, Array, Array]:
    i, forget_left, forget_up, o, g = _gates(t)
    c = forget_left * left + forget_up * up + i * g
    tanh_c = jnp.tanh(c)
    return c, o * tanh_c, tanh_c


def _slopes_graves(t: Array, left: Array, up: Array, tanh_c: Array) -> Slopes:
    i, forget_left, forget_up, o, g = _gates(t)
    z = _slopes_of_gates(t, g, left, up, tanh_c, i)
    return Slopes(z, forget_left, forget_up, o * (1.0 - tanh_c * tanh_c))


def _result_convex(t: Array, left: Array, up: Array) -> tuple[Array, Array, Array]:
    i, f, k, o, g = _gates(t)
    c = f * (k * left + (1.0 - k) * up) + i * g
    tanh_c = jnp.tanh(c)
    return c, o * tanh_c, tanh_c


def _slopes_convex(t: Array, left: Array, up: Array, tanh_c: Array) -> Slopes:
    i, f, k, o, g = _gates(t)
    z = _slopes_of_gates(t, g, k * left + (1.0 - k) * up, f * (left - up), tanh_c, i)
    return Slopes(z, f * k, f * (1.0 - k), o * (1.0 - tanh_c * tanh_c))


def _result_leaky(t: Array, left: Array, up: Array) -> tuple[Array, Array, Array]:
    f, k, o, q, g = _gates(t)
    p = k * left + (1.0 - k) * up
    c = f * p + (1.0 - f) * g
    h = jnp.tanh(o * c + q * p)
    return c, h, h


def _slopes_leaky(t: Array, left: Array, up: Array, h: Array) -> Slopes:
    f, k, o, q, g = _gates(t)
    p = k * left + (1.0 - k) * up
    c = f * p + (1.0 - f) * g
    slope = 1.0 - h * h
    z = _slopes_of_gates(t, p - g, left - up, slope * c, slope * p, 1.0 - f)
    return Slopes(z, k, 1.0 - k, slope * o, f, slope * q)


GRAVES = Unit(_result_graves, _slopes_graves, "ccchc")
CONVEX = Unit(_result_convex, _slopes_convex, "ccchc")
LEAKY = Unit(_result_leaky, _slopes_leaky, "cphhc")


def _gates(t: Array) -> tuple[Array, ...]:
    """Return the four sigmoid gates and the candidate."""
    *gates, g = split_gates(t, GATES)
    return *(tanh_to_sigmoid(gate) for gate in gates), g


def _slopes_of_gates(t: Array, *factors: Array) -> Array:
    """Return the derivatives by z from those by the four sigmoid gates and the candidate."""
    *gates, g = factors
    return (1.0 - t * t) * jnp.concatenate([*(0.5 * factor for factor in gates), g], axis=-1)


# The step and its pullback are the same for all cells.


class GridResiduals(NamedTuple):
    """The values of a step that its derivatives need."""

    t: Float[Array, "*B GH"]
    saved: Float[Array, "*B H"]


def _keep(
    unit: Unit, params: Params, at: Neighbours, u: Array, a: Array
) -> tuple[tuple[LSTMCarry, Array], GridResiduals]:
    """Return the new state, the output and the residuals."""
    z = u + a
    t = jnp.tanh(z + broadcast_rows(params["b"], z))
    c, h, saved = unit.result(t, at.left.c, at.up.c)
    return (LSTMCarry(h, c), h.astype(params["wh"].dtype)), GridResiduals(t, saved)


def _linearise(unit: Unit, params: Params, at: Neighbours, residuals: GridResiduals) -> Slopes:
    """Return the derivatives of many steps, without a recurrence."""
    return unit.slopes(residuals.t, at.left.c, at.up.c, residuals.saved)


def _pull(
    unit: Unit, slopes: Slopes, state: LSTMCarry, y: Array
) -> tuple[Neighbours, Array, Array]:
    """Return the cotangents of (neighbours, u, a) from those of (state, y)."""
    h = state.h + y.astype(state.h.dtype)
    c = state.c + h * slopes.output
    p = c
    if slopes.forget is not None and slopes.bypass is not None:
        p = c * slopes.forget + h * slopes.bypass
    z = slopes.z * jnp.concatenate([{"c": c, "p": p, "h": h}[s] for s in unit.source], axis=-1)
    nothing = jnp.zeros_like(h)
    left, up = LSTMCarry(nothing, p * slopes.left), LSTMCarry(nothing, p * slopes.up)
    return Neighbours(left, up), z, z


def _gather(params: Params, at: Neighbours, residuals: GridResiduals, d: Cotangents) -> Params:
    """Return the gradient of the bias."""
    return bias_gradients(params, b=d.a)
