"""Simple recurrent network, and IRNN."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import (
    DType,
    bias_gradients,
    broadcast_rows,
    cast,
    check_dtype,
    matmul,
)
from seqmodels.cells.forms import structured_cell, zero_start
from seqmodels.cells.initializers import Initializer, glorot, orthogonal, zeros
from seqmodels.types import Array, Cell, Cotangents, Params, Pullback, Structured


def rnn(
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
    """Simple recurrent network of Elman (1990), "Finding structure in time".

        h_t = act(W_x x_t + W_h h_{t-1} + b),    y_t = h_t

    ``act`` is ``activation``.
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

    pullback = _pullback(activation)
    plain = "rnn" if activation is jnp.tanh else "irnn" if activation is jax.nn.relu else ""
    form = Structured(
        project=lambda params, x: matmul(x, params["wx"]),
        kernel=lambda params: params["wh"],
        hidden=lambda params, h: h,
        update=lambda params, h, u, a: pullback.keep(params, h, u, a)[0],
        prepare=lambda params: cast(params, compute, "wx", "wh"),
        pullback=pullback,
        plain=plain,
    )
    return structured_cell(init, zero_start(hidden, dtype=param_dtype), form, inputs)


def _pullback(activation: Callable[[Array], Array]) -> Pullback:
    """Return the update of the cell and its derivatives; the residual of a step is z."""

    def keep(params: Params, h: Array, u: Array, a: Array) -> tuple[tuple[Array, Array], Array]:
        z = u + a
        z = z + broadcast_rows(params["b"], z)
        h = activation(z)
        return (h, h.astype(params["wh"].dtype)), z

    def linearise(params: Params, h: Array, z: Array) -> Array:
        return jax.jvp(activation, (z,), (jnp.ones_like(z),))[1]

    def pull(slope: Array, h: Array, y: Array) -> tuple[Array, Array, Array]:
        z = slope * (h + y.astype(h.dtype))
        return jnp.zeros_like(h), z, z

    def gather(params: Params, h: Array, z: Array, steps: Cotangents) -> Params:
        return bias_gradients(params, b=steps.a)

    return Pullback(keep, linearise, pull, gather)


def identity_init(key: jax.Array, shape: tuple[int, ...], dtype: DType = jnp.float32) -> Array:
    """Return the identity matrix."""
    return jnp.eye(shape[0], shape[1], dtype=dtype)


def irnn(inputs: int, hidden: int, **options) -> Cell:
    """IRNN of Le, Jaitly and Hinton (2015), arXiv:1504.00941, a ReLU network.

        h_t = max(0, W_x x_t + W_h h_{t-1} + b),    W_h = I,  b = 0,  W_x ~ N(0, 0.001^2)

    At initialisation, it accumulates its inputs.
    """
    defaults = {
        "activation": jax.nn.relu,
        "kernel_init": jax.nn.initializers.normal(0.001),
        "recurrent_init": identity_init,
    }
    return rnn(inputs, hidden, **(defaults | options))
