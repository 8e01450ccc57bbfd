"""Minimal gated unit."""

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import DType, affine, check_dtype, matmul, split_gates
from seqmodels.cells.forms import zero_start
from seqmodels.cells.initializers import Initializer, gate_init, glorot, orthogonal, zeros
from seqmodels.types import Array, Cell, Float, GateOrder, Params


def mgu(
    inputs: int,
    hidden: int,
    *,
    kernel_init: Initializer = glorot,
    recurrent_init: Initializer = orthogonal,
    bias_init: Initializer = zeros,
    dtype: DType | None = None,
    param_dtype: DType = jnp.float32,
) -> Cell:
    """Minimal gated unit of Zhou et al. (2016), arXiv:1603.09420, with a single gate.

        f = sigma(W_f x_t + U_f h_{t-1} + b_f)
        n = tanh(W_n x_t + U_n (f * h_{t-1}) + b_n)
        h_t = (1 - f) * h_{t-1} + f * n,    y_t = h_t

    Gates are in the order f, n.
    """
    param_dtype = check_dtype(param_dtype)
    compute = jnp.dtype(dtype or param_dtype)

    def init(key: jax.Array) -> Params:
        key_x, key_h, key_b = jax.random.split(key, 3)
        return {
            "wx": gate_init(kernel_init, key_x, inputs, hidden, 2, param_dtype),
            "wh": gate_init(recurrent_init, key_h, hidden, hidden, 2, param_dtype),
            "b": bias_init(key_b, (2 * hidden,), param_dtype),
        }

    def step(params: Params, h: Array, x: Float[Array, "*B D"]) -> tuple[Array, Array]:
        u = affine(x, params["wx"].astype(compute), params["b"])
        early, late = split_gates(u, 2)
        gate, candidate = split_gates(params["wh"].astype(compute), 2)
        f = jax.nn.sigmoid(early + matmul(h, gate))
        n = jnp.tanh(late + matmul(f * h, candidate))
        h = (1.0 - f) * h + f * n
        return h, h.astype(compute)

    gates = GateOrder(2, keep=None, store=0)
    return Cell(init, zero_start(hidden, dtype=param_dtype), step, size=inputs, gates=gates)
