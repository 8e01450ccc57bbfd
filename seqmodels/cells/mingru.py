"""minGRU: a GRU whose gates do not see the state, so that it is linear in it."""

import math

import jax
import jax.numpy as jnp

from seqmodels.cells.build import (
    DType,
    Initializer,
    affine,
    check_dtype,
    gate_init,
    glorot,
    linear_cell,
    split_gates,
    wide,
    zeros,
)
from seqmodels.types import Array, Cell, Float, Linear, Params

log_sigmoid = jax.nn.log_sigmoid


def log_positive(v: Float[Array, "*B H"]) -> Float[Array, "*B H"]:
    """``log g(v)`` with ``g(v) = v + 1/2`` for v >= 0, else ``sigma(v)``: a positive candidate."""
    return jnp.where(v >= 0, jnp.log(jax.nn.relu(v) + 0.5), log_sigmoid(v))


def start_of_log_states(hidden: int, dtype: DType):
    """A carry of ``log g(0) = log 1/2``, where the paper's log-space listing begins."""
    return lambda params, batch: jnp.full((*batch, hidden), -math.log(2.0), wide(dtype))


def min_gru(
    inputs: int,
    hidden: int,
    *,
    kernel_init: Initializer = glorot,
    bias_init: Initializer = zeros,
    dtype: DType | None = None,
    param_dtype: DType = jnp.float32,
) -> Cell:
    """minGRU of Feng et al. (2024), arXiv:2410.01201, in log space: its carry is log h_t.

        z = sigma(W_z x_t + b_z)    n = g(W_n x_t + b_n)
        h_t = (1 - z) * h_{t-1} + z * n,    y_t = h_t

    with g(v) = v + 1/2 for v >= 0, else sigma(v), and h_0 = g(0).  Gates lie in the order z, n.
    """
    param_dtype = check_dtype(param_dtype)
    compute = jnp.dtype(dtype or param_dtype)

    def init(key: jax.Array) -> Params:
        key_x, key_b = jax.random.split(key)
        return {
            "wx": gate_init(kernel_init, key_x, inputs, hidden, 2, param_dtype),
            "b": bias_init(key_b, (2 * hidden,), param_dtype),
        }

    def elements(params: Params, x: Float[Array, "*B D"]) -> tuple[Array, Array]:
        z, n = split_gates(affine(x, params["wx"].astype(compute), params["b"]), 2)
        return log_sigmoid(-z), log_sigmoid(z) + log_positive(n)

    def read(params: Params, log_h: Array, x: Array) -> Array:
        return jnp.exp(log_h).astype(compute)

    start = start_of_log_states(hidden, param_dtype)
    return linear_cell(init, start, Linear(elements, read, log=True), inputs)
