"""Additive memory cell."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import DType, cast, check_dtype, matmul
from seqmodels.cells.forms import structured_cell, zero_start
from seqmodels.cells.initializers import Initializer, glorot, orthogonal
from seqmodels.types import Array, Cell, Float, Params, Structured


class InputProjection(NamedTuple):
    """The projection ``W_x x_t``, and the input, which is part of the output."""

    wx: Float[Array, "*B H"]
    x: Float[Array, "*B D"]


def additive_memory(
    inputs: int,
    hidden: int,
    *,
    activation: Callable[[Array], Array] = jnp.tanh,
    kernel_init: Initializer = glorot,
    recurrent_init: Initializer = orthogonal,
    dtype: DType | None = None,
    param_dtype: DType = jnp.float32,
) -> Cell:
    """Additive memory, whose output is the input concatenated with the memory.

        m_t = m_{t-1} + W_x x_t + s(W_h m_{t-1}),    y_t = [x_t, m_t]

    The identity path from m_{t-1} to m_t is the constant error carousel of Hochreiter and
    Schmidhuber (1997), without gates.  Outputs have ``inputs + hidden`` features.
    """
    param_dtype = check_dtype(param_dtype)
    compute = jnp.dtype(dtype or param_dtype)

    def init(key: jax.Array) -> Params:
        key_x, key_h = jax.random.split(key)
        return {
            "wx": kernel_init(key_x, (inputs, hidden), param_dtype),
            "wh": recurrent_init(key_h, (hidden, hidden), param_dtype),
        }

    def project(params: Params, x: Float[Array, "*B D"]) -> InputProjection:
        return InputProjection(matmul(x, params["wx"]), x.astype(compute))

    def update(params: Params, m: Array, u: InputProjection, a: Array) -> tuple[Array, Array]:
        m = m + u.wx + activation(a)
        return m, jnp.concatenate([u.x, m.astype(compute)], axis=-1)

    form = Structured(
        project=project,
        kernel=lambda params: params["wh"],
        hidden=lambda params, m: m,
        update=update,
        prepare=lambda params: cast(params, compute, "wx", "wh"),
    )
    return structured_cell(init, zero_start(hidden, dtype=param_dtype), form, inputs)
