"""The gated recurrent unit, with the reset gate after the matmul."""

import jax
import jax.numpy as jnp

from seqmodels.cells.build import (
    DType,
    Initializer,
    affine,
    cast,
    check_dtype,
    gate_init,
    gate_scale,
    glorot,
    half,
    orthogonal,
    rows,
    split_gates,
    structured_cell,
    zero_start,
    zeros,
)
from seqmodels.types import Array, Cell, Float, Params, Structured


def gru(
    inputs: int,
    hidden: int,
    *,
    kernel_init: Initializer = glorot,
    recurrent_init: Initializer = orthogonal,
    bias_init: Initializer = zeros,
    dtype: DType | None = None,
    param_dtype: DType = jnp.float32,
) -> Cell:
    """GRU of Cho et al. (2014), arXiv:1406.1078v1, in the form that cuDNN, Keras and PyTorch run.

        r = sigma(W_r x_t + U_r h_{t-1} + b_r)    z = sigma(W_z x_t + U_z h_{t-1} + b_z)
        n = tanh(W_n x_t + b_n + r * (U_n h_{t-1} + b_h))
        h_t = z * h_{t-1} + (1 - z) * n,    y_t = h_t

    The reset gate acts after the matmul, so that one matmul serves all gates; ``gru_before`` is
    the other form.  Gates lie in the order r, z, n.
    """
    param_dtype = check_dtype(param_dtype)
    compute = jnp.dtype(dtype or param_dtype)

    def init(key: jax.Array) -> Params:
        key_x, key_h, key_b, key_bh = jax.random.split(key, 4)
        return {
            "wx": gate_init(kernel_init, key_x, inputs, hidden, 3, param_dtype),
            "wh": gate_init(recurrent_init, key_h, hidden, hidden, 3, param_dtype),
            "b": bias_init(key_b, (3 * hidden,), param_dtype),
            "bh": bias_init(key_bh, (hidden,), param_dtype),
        }

    def prepare(params: Params) -> Params:
        scale = gate_scale(hidden, 3, linear=(2,)).astype(param_dtype)
        scaled = {name: params[name] * rows(scale, params[name]) for name in ("wx", "wh")}
        return cast(params | scaled | {"b": params["b"] * scale}, compute, "wx", "wh")

    def project(params: Params, x: Float[Array, "*B D"]) -> Float[Array, "*B GH"]:
        return affine(x, params["wx"], params["b"])

    def update(params: Params, h: Array, u: Array, a: Array) -> tuple[Array, Array]:
        r, z = split_gates(half(jnp.tanh(u[..., : 2 * hidden] + a[..., : 2 * hidden])), 2)
        seen = a[..., 2 * hidden :]
        n = jnp.tanh(u[..., 2 * hidden :] + r * (seen + rows(params["bh"], seen)))
        h = n + z * (h - n)
        return h, h.astype(compute)

    form = Structured(
        project=project,
        kernel=lambda params: params["wh"],
        hidden=lambda params, h: h,
        update=update,
        prepare=prepare,
    )
    return structured_cell(init, zero_start(hidden, dtype=param_dtype), form, inputs)
