"""minGRU, a GRU that is linear in its state because its gates do not read it."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import DType, affine, at_least_float32, check_dtype, split_gates
from seqmodels.cells.forms import linear_cell
from seqmodels.cells.initializers import Initializer, gate_init, glorot, zeros
from seqmodels.types import Array, Cell, Float, GateOrder, Linear, Params

log_sigmoid = jax.nn.log_sigmoid


def log_positive(v: Float[Array, "*B H"]) -> Float[Array, "*B H"]:
    """Return ``log g(v)``, where ``g(v) = v + 1/2`` for v >= 0, else ``sigma(v)``."""
    return jnp.where(v >= 0, jnp.log(jax.nn.relu(v) + 0.5), log_sigmoid(v))


def log_half_start(hidden: int, dtype: DType) -> Callable[[Params, tuple[int, ...]], Array]:
    """Return a ``start`` whose carry is ``log g(0) = log 1/2``, as in the paper's listing."""
    return lambda params, batch: jnp.full((*batch, hidden), -math.log(2.0), at_least_float32(dtype))


def min_gru(
    inputs: int,
    hidden: int,
    *,
    kernel_init: Initializer = glorot,
    bias_init: Initializer = zeros,
    dtype: DType | None = None,
    param_dtype: DType = jnp.float32,
) -> Cell:
    """minGRU of Feng et al. (2024), arXiv:2410.01201, in log space; the carry is log h_t.

        z = sigma(W_z x_t + b_z)    n = g(W_n x_t + b_n)
        h_t = (1 - z) * h_{t-1} + z * n,    y_t = h_t

    with g(v) = v + 1/2 for v >= 0, else sigma(v), and h_0 = g(0).  Gates are in the order z, n.
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

    start = log_half_start(hidden, param_dtype)
    cell = linear_cell(init, start, Linear(elements, read, log=True), inputs)
    return cell._replace(gates=GateOrder(2, keep=None, store=0))
