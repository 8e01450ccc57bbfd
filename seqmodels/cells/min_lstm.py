"""minLSTM, an LSTM that is linear in its state because its gates do not read it."""

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import DType, affine, check_dtype, split_gates
from seqmodels.cells.forms import linear_cell
from seqmodels.cells.initializers import Initializer, gate_init, glorot, zeros
from seqmodels.cells.min_gru import log_half_start, log_positive, log_sigmoid
from seqmodels.types import Array, Cell, Float, GateOrder, Linear, Params


def min_lstm(
    inputs: int,
    hidden: int,
    *,
    forget_bias: float = 0.0,
    kernel_init: Initializer = glorot,
    bias_init: Initializer = zeros,
    dtype: DType | None = None,
    param_dtype: DType = jnp.float32,
) -> Cell:
    """minLSTM of Feng et al. (2024), arXiv:2410.01201, in log space; the carry is log h_t.

        f = sigma(W_f x_t + b_f)    i = sigma(W_i x_t + b_i)    n = g(W_n x_t + b_n)
        h_t = f / (f + i) * h_{t-1} + i / (f + i) * n,    y_t = h_t

    with g(v) = v + 1/2 for v >= 0, else sigma(v), and h_0 = g(0).  Gates are in the order
    f, i, n.
    """
    param_dtype = check_dtype(param_dtype)
    compute = jnp.dtype(dtype or param_dtype)

    def init(key: jax.Array) -> Params:
        key_x, key_b = jax.random.split(key)
        bias = bias_init(key_b, (3 * hidden,), param_dtype)
        return {
            "wx": gate_init(kernel_init, key_x, inputs, hidden, 3, param_dtype),
            "b": bias.at[:hidden].add(jnp.asarray(forget_bias, param_dtype)),
        }

    def elements(params: Params, x: Float[Array, "*B D"]) -> tuple[Array, Array]:
        f, i, n = split_gates(affine(x, params["wx"].astype(compute), params["b"]), 3)
        # f / (f + i) = sigma(log f - log i)
        ratio = log_sigmoid(f) - log_sigmoid(i)
        return log_sigmoid(ratio), log_sigmoid(-ratio) + log_positive(n)

    def read(params: Params, log_h: Array, x: Array) -> Array:
        return jnp.exp(log_h).astype(compute)

    start = log_half_start(hidden, param_dtype)
    cell = linear_cell(init, start, Linear(elements, read, log=True), inputs)
    return cell._replace(gates=GateOrder(3, keep=0, store=1))
