"""RNN whose state is the pre-activation."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import DType, affine, cast, check_dtype
from seqmodels.cells.forms import structured_cell, zero_start
from seqmodels.cells.initializers import Initializer, glorot, orthogonal, zeros
from seqmodels.types import Array, Cell, Float, Params, Structured


def preactivation_rnn(
    inputs: int,
    hidden: int,
    *,
    activation: Callable[[Array], Array] = jnp.tanh,
    kernel_init: Initializer = glorot,
    recurrent_init: Initializer = orthogonal,
    bias_init: Initializer = zeros,
    dtype: DType | None = None,
    param_dtype: DType = jnp.float32,
) -> Cell:
    """Pre-activation RNN of Pascanu, Mikolov and Bengio (2013), arXiv:1211.5063.

    h_t = W_x x_t + W_h s(h_{t-1}) + b,    y_t = h_t

    The outputs are unbounded; apply an activation in the next layer where one is needed.
    """
    param_dtype = check_dtype(param_dtype)
    compute = jnp.dtype(dtype or param_dtype)

    def init(key: jax.Array) -> Params:
        key_x, key_h, key_b = jax.random.split(key, 3)
        return {
            "wx": kernel_init(key_x, (inputs, hidden), param_dtype),
            "wh": recurrent_init(key_h, (hidden, hidden), param_dtype),
            "b": bias_init(key_b, (hidden,), param_dtype),
        }

    def project(params: Params, x: Float[Array, "*B D"]) -> Float[Array, "*B H"]:
        return affine(x, params["wx"], params["b"])

    def update(params: Params, h: Array, u: Array, a: Array) -> tuple[Array, Array]:
        return u + a, (u + a).astype(compute)

    form = Structured(
        project=project,
        kernel=lambda params: params["wh"],
        hidden=lambda params, h: activation(h),
        update=update,
        prepare=lambda params: cast(params, compute, "wx", "wh"),
    )
    return structured_cell(init, zero_start(hidden, dtype=param_dtype), form, inputs)
