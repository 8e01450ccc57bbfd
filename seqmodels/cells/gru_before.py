"""GRU with the reset gate before the matmul."""

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import DType, affine, check_dtype, matmul, split_gates
from seqmodels.cells.forms import zero_start
from seqmodels.cells.initializers import Initializer, gate_init, glorot, orthogonal, zeros
from seqmodels.types import Array, Cell, Float, GateOrder, Params


def gru_before(
    inputs: int,
    hidden: int,
    *,
    kernel_init: Initializer = glorot,
    recurrent_init: Initializer = orthogonal,
    bias_init: Initializer = zeros,
    dtype: DType | None = None,
    param_dtype: DType = jnp.float32,
) -> Cell:
    """GRU in the original form of Cho et al. (2014), arXiv:1406.1078.

        r = sigma(W_r x_t + U_r h_{t-1} + b_r)    z = sigma(W_z x_t + U_z h_{t-1} + b_z)
        n = tanh(W_n x_t + U_n (r * h_{t-1}) + b_n)
        h_t = z * h_{t-1} + (1 - z) * n,    y_t = h_t

    The second matmul depends on the first, so there is no structured form.  ``gru`` is faster.
    Gates are in the order r, z, n.
    """
    param_dtype = check_dtype(param_dtype)
    compute = jnp.dtype(dtype or param_dtype)

    def init(key: jax.Array) -> Params:
        key_x, key_h, key_b = jax.random.split(key, 3)
        return {
            "wx": gate_init(kernel_init, key_x, inputs, hidden, 3, param_dtype),
            "wh": gate_init(recurrent_init, key_h, hidden, hidden, 3, param_dtype),
            "b": bias_init(key_b, (3 * hidden,), param_dtype),
        }

    def step(params: Params, h: Array, x: Float[Array, "*B D"]) -> tuple[Array, Array]:
        u = affine(x, params["wx"].astype(compute), params["b"])
        wh = params["wh"].astype(compute)
        early, late = u[..., : 2 * hidden], u[..., 2 * hidden :]
        r, z = split_gates(jax.nn.sigmoid(early + matmul(h, wh[:, : 2 * hidden])), 2)
        n = jnp.tanh(late + matmul(r * h, wh[:, 2 * hidden :]))
        h = z * h + (1.0 - z) * n
        return h, h.astype(compute)

    gates = GateOrder(3, keep=1, store=None)
    return Cell(init, zero_start(hidden, dtype=param_dtype), step, size=inputs, gates=gates)
