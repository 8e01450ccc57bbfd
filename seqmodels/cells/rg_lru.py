"""Real-gated linear recurrent unit of Griffin."""

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import (
    DType,
    affine,
    broadcast_rows,
    check_dtype,
    recurrent_matmul,
    split_gates,
)
from seqmodels.cells.forms import linear_cell, zero_start
from seqmodels.cells.initializers import Initializer, gate_init, glorot, zeros
from seqmodels.errors import UserError
from seqmodels.types import Array, Cell, Float, Linear, Params


def decay_init(key: jax.Array, hidden: int, power: float, dtype: DType) -> Float[Array, " H"]:
    """Draw Lambda such that sigma(Lambda)^power is uniform in [0.9, 0.999]."""
    log_a = jnp.log(jax.random.uniform(key, (hidden,), dtype, 0.9, 0.999)) / power
    return log_a - jnp.log(-jnp.expm1(log_a))


def complement(log_a: Float[Array, "*B H"]) -> Float[Array, "*B H"]:
    """Return ``sqrt(1 - a^2)`` from log a <= 0, exact near a = 1, with a finite gradient there."""
    squared = -jnp.expm1(2.0 * log_a)
    return jnp.sqrt(jnp.maximum(squared, jnp.finfo(log_a.dtype).tiny))


def rg_lru(
    inputs: int,
    hidden: int,
    *,
    heads: int = 1,
    power: float = 8.0,
    kernel_init: Initializer = glorot,
    bias_init: Initializer = zeros,
    dtype: DType | None = None,
    param_dtype: DType = jnp.float32,
) -> Cell:
    """RG-LRU of Griffin, De et al. (2024), arXiv:2402.19427, with the linear layer before it.

        v = W x_t + b
        r = sigma(W_r v + b_r)    i = sigma(W_i v + b_i)    a = sigma(Lambda)^(power * r)
        h_t = a * h_{t-1} + sqrt(1 - a^2) * (i * v),    y_t = h_t

    The matrices of the gates are block-diagonal over N ``heads``.  ``wg`` is [N, H/N, 2*H/N],
    with the gates in the order r, i.
    """
    param_dtype = check_dtype(param_dtype)
    compute = jnp.dtype(dtype or param_dtype)
    if heads < 1 or hidden % heads:
        raise UserError(f"heads={heads} must divide hidden={hidden}")
    units = hidden // heads

    def init(key: jax.Array) -> Params:
        key_x, key_g, key_a, key_b, key_bg = jax.random.split(key, 5)
        blocks = [
            gate_init(kernel_init, k, units, units, 2, param_dtype)
            for k in jax.random.split(key_g, heads)
        ]
        return {
            "wx": kernel_init(key_x, (inputs, hidden), param_dtype),
            "b": bias_init(key_b, (hidden,), param_dtype),
            "wg": jnp.stack(blocks),
            "bg": bias_init(key_bg, (heads, 2 * units), param_dtype),
            "lambda": decay_init(key_a, hidden, power, param_dtype),
        }

    def elements(params: Params, x: Float[Array, "*B D"]) -> tuple[Array, Array]:
        v = affine(x, params["wx"].astype(compute), params["b"])
        gates = recurrent_matmul(v, params["wg"].astype(compute))
        bias = jnp.broadcast_to(params["bg"].astype(gates.dtype), gates.shape)
        r, i = (g.reshape(v.shape) for g in split_gates(jax.nn.sigmoid(gates + bias), 2))
        log_a = power * r * broadcast_rows(jax.nn.log_sigmoid(params["lambda"]), r)
        return jnp.exp(log_a), complement(log_a) * i * v

    def read(params: Params, h: Array, x: Array) -> Array:
        return h.astype(compute)

    start = zero_start(hidden, dtype=param_dtype)
    return linear_cell(init, start, Linear(elements, read), inputs)
