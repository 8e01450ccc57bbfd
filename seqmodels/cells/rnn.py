"""The vanilla recurrent network, and IRNN."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.cells.build import (
    DType,
    Initializer,
    bias_gradients,
    cast,
    check_dtype,
    dot,
    glorot,
    orthogonal,
    rows,
    structured_cell,
    zero_start,
    zeros,
)
from seqmodels.types import Array, Carry, Cell, Cotangents, Float, Params, Pullback, Structured


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
    """The simple recurrent network of Elman (1990), "Finding structure in time".

    h_t = act(W_x x_t + W_h h_{t-1} + b),    y_t = h_t
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

    def prepare(params: Params) -> Params:
        return cast(params, compute, "wx", "wh")

    def project(params: Params, x: Float[Array, "*B D"]) -> Float[Array, "*B H"]:
        return dot(x, params["wx"])

    def update(params: Params, h: Carry, u: Array, a: Array) -> tuple[Carry, Array]:
        return keep(params, h, u, a)[0]

    def keep(params: Params, h: Carry, u: Array, a: Array) -> tuple[tuple[Carry, Any], Array]:
        z = u + a
        z = z + rows(params["b"], z)
        h = activation(z)
        return (h, h.astype(compute)), z

    def linearise(params: Params, h: Carry, z: Array) -> Array:
        return jax.jvp(activation, (z,), (jnp.ones_like(z),))[1]

    def pull(slope: Array, h: Carry, y: Array) -> tuple[Carry, Array, Array]:
        z = slope * (h + y.astype(h.dtype))
        return jnp.zeros_like(h), z, z

    def gather(params: Params, h: Carry, z: Array, steps: Cotangents) -> Params:
        return bias_gradients(params, b=steps.a)

    named = "rnn" if activation is jnp.tanh else "irnn" if activation is jax.nn.relu else ""
    form = Structured(
        project=project,
        kernel=lambda params: params["wh"],
        hidden=lambda params, h: h,
        update=update,
        prepare=prepare,
        pullback=Pullback(keep, linearise, pull, gather),
        plain=named,
    )
    return structured_cell(init, zero_start(hidden, dtype=param_dtype), form, inputs)


def identity_init(key: jax.Array, shape: tuple[int, ...], dtype: DType = jnp.float32) -> Array:
    """The identity matrix, as an initializer."""
    return jnp.eye(shape[0], shape[1], dtype=dtype)


def irnn(inputs: int, hidden: int, **options) -> Cell:
    """IRNN: a ReLU network that starts as an accumulator of its inputs.

        h_t = max(0, W_x x_t + W_h h_{t-1} + b),    W_h = I,  b = 0,  W_x ~ N(0, 0.001^2)

    Le, Jaitly and Hinton (2015), arXiv:1504.00941.
    """
    defaults = {
        "activation": jax.nn.relu,
        "kernel_init": jax.nn.initializers.normal(0.001),
        "recurrent_init": identity_init,
    }
    return rnn(inputs, hidden, **(defaults | options))
