"""LSTM cells in two dimensions: Graves's, and the stable ones of Leifert et al.

A cell reads the states to its left and above it.  In the equations, subscripts l and u denote these
two, and every gate has the pre-activation

    z = W_x x + W_l h_l + W_u h_u + b

The rows of the kernel ``wh`` are those of W_l, then those of W_u.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import (
    DType,
    at_least_float32,
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
from seqmodels.types import Array, Carry, GridCell, Neighbours, Params, Structured

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
    return grid_cell(_update_graves, inputs, hidden, (0.0, forget_bias, forget_bias), **options)


def convex_md_lstm(inputs: int, hidden: int, *, forget_bias: float = 1.0, **options) -> GridCell:
    """LSTM whose previous state is a convex combination: the stable cell of Leifert et al. (2016).

        i = sigma(z_i)   f = sigma(z_f)   k = sigma(z_k)   o = sigma(z_o)   g = tanh(z_g)
        p = k * c_l + (1 - k) * c_u
        c = f * p + i * g
        h = o * tanh(c)

    "Cells in multidimensional recurrent neural networks", JMLR 17(97).  As in one dimension, |c|
    grows at most linearly.  Gates are in the order i, f, k, o, g.
    """
    return grid_cell(_update_convex, inputs, hidden, (0.0, forget_bias), **options)


def leaky_lp(inputs: int, hidden: int, *, forget_bias: float = 1.0, **options) -> GridCell:
    """Leaky cell with a low-pass output: the LeakyLP cell of Leifert et al. (2016).

        f = sigma(z_f)   k = sigma(z_k)   o = sigma(z_o)   q = sigma(z_q)   g = tanh(z_g)
        p = k * c_l + (1 - k) * c_u
        c = f * p + (1 - f) * g
        h = tanh(o * c + q * p)

    "Cells in multidimensional recurrent neural networks", JMLR 17(97).  |c| < 1 everywhere.  Gates
    are in the order f, k, o, q, g.
    """
    return grid_cell(_update_leaky, inputs, hidden, (forget_bias,), **options)


GRID_CELLS: dict[str, Callable[..., GridCell]] = {
    "md_lstm": md_lstm,
    "convex_md_lstm": convex_md_lstm,
    "leaky_lp": leaky_lp,
}


def grid_cell(
    update: Callable[[Params, Neighbours, Array, Array], tuple[Carry, Array]],
    inputs: int,
    hidden: int,
    gate_biases: tuple[float, ...],
    *,
    kernel_init: Initializer = glorot,
    recurrent_init: Initializer = orthogonal,
    dtype: DType | None = None,
    param_dtype: DType = jnp.float32,
) -> GridCell:
    """Return a cell with four sigmoid gates and a candidate, in the order that ``update`` reads.

    gate_biases: initial biases of the first gates; those of the others are zero
    """
    param_dtype = check_dtype(param_dtype)

    def init(key: jax.Array) -> Params:
        key_x, key_l, key_u = jax.random.split(key, 3)
        draw = lambda key: gate_init(recurrent_init, key, hidden, hidden, GATES, param_dtype)  # noqa: E731
        biases = jnp.zeros((GATES,), param_dtype)
        biases = biases.at[: len(gate_biases)].set(jnp.asarray(gate_biases, param_dtype))
        return {
            "wx": gate_init(kernel_init, key_x, inputs, hidden, GATES, param_dtype),
            "wh": jnp.concatenate([draw(key_l), draw(key_u)]),
            "b": jnp.repeat(biases, hidden),
        }

    def start(params: Params, batch_shape: tuple[int, ...]) -> LSTMCarry:
        zeros = jnp.zeros((*batch_shape, hidden), at_least_float32(param_dtype))
        return LSTMCarry(zeros, zeros)

    form = Structured(
        project=lambda params, x: matmul(x, params["wx"]),
        kernel=lambda params: params["wh"],
        hidden=lambda params, at: jnp.concatenate([at.left.h, at.up.h], axis=-1),
        update=update,
        prepare=partial(_prepare, dtype=jnp.dtype(dtype or param_dtype)),
    )

    def step(params: Params, neighbours: Neighbours, x: Array) -> tuple[LSTMCarry, Array]:
        return structured_step(form, form.prepare(params), neighbours, x)

    return GridCell(init, start, step, form, inputs)


def _prepare(params: Params, dtype: DType) -> Params:
    """Scale the columns of the sigmoid gates and cast the matrices."""
    scale = gate_scale(params["b"].shape[-1] // GATES, GATES, linear=(GATES - 1,))
    scale = scale.astype(params["b"].dtype)
    scaled = {name: a * broadcast_rows(scale, a) for name, a in params.items()}
    return cast(scaled, dtype, "wx", "wh")


def _gates(params: Params, u: Array, a: Array) -> tuple[Array, ...]:
    """Return the four sigmoid gates and the candidate."""
    z = u + a
    *gates, g = split_gates(jnp.tanh(z + broadcast_rows(params["b"], z)), GATES)
    return *(tanh_to_sigmoid(t) for t in gates), g


def _result(params: Params, h: Array, c: Array) -> tuple[LSTMCarry, Array]:
    return LSTMCarry(h, c), h.astype(params["wh"].dtype)


def _update_graves(params: Params, at: Neighbours, u: Array, a: Array) -> tuple[LSTMCarry, Array]:
    i, forget_left, forget_up, o, g = _gates(params, u, a)
    c = forget_left * at.left.c + forget_up * at.up.c + i * g
    return _result(params, o * jnp.tanh(c), c)


def _update_convex(params: Params, at: Neighbours, u: Array, a: Array) -> tuple[LSTMCarry, Array]:
    i, f, k, o, g = _gates(params, u, a)
    c = f * (k * at.left.c + (1.0 - k) * at.up.c) + i * g
    return _result(params, o * jnp.tanh(c), c)


def _update_leaky(params: Params, at: Neighbours, u: Array, a: Array) -> tuple[LSTMCarry, Array]:
    f, k, o, q, g = _gates(params, u, a)
    previous = k * at.left.c + (1.0 - k) * at.up.c
    c = f * previous + (1.0 - f) * g
    return _result(params, jnp.tanh(o * c + q * previous), c)
