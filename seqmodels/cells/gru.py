"""GRU with the reset gate after the matmul."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import (
    DType,
    bias_gradients,
    broadcast_rows,
    cast,
    check_dtype,
    gate_scale,
    matmul,
    split_gates,
    tanh_to_sigmoid,
)
from seqmodels.cells.forms import structured_cell, zero_start
from seqmodels.cells.initializers import Initializer, gate_init, glorot, orthogonal, zeros
from seqmodels.types import (
    Array,
    Cell,
    Cotangents,
    Float,
    GateOrder,
    Params,
    Pullback,
    PyTree,
    Structured,
)


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
    """GRU of Cho et al. (2014), arXiv:1406.1078v1, in the variant of cuDNN, Keras and PyTorch.

        r = sigma(W_r x_t + U_r h_{t-1} + b_r)    z = sigma(W_z x_t + U_z h_{t-1} + b_z)
        n = tanh(W_n x_t + b_n + r * (U_n h_{t-1} + b_h))
        h_t = z * h_{t-1} + (1 - z) * n,    y_t = h_t

    The reset gate acts after the matmul, so that one matmul serves all gates; ``gru_before`` is
    the original form.  Gates are in the order r, z, n.
    """
    param_dtype = check_dtype(param_dtype)

    def init(key: jax.Array) -> Params:
        key_x, key_h, key_b, key_bh = jax.random.split(key, 4)
        return {
            "wx": gate_init(kernel_init, key_x, inputs, hidden, 3, param_dtype),
            "wh": gate_init(recurrent_init, key_h, hidden, hidden, 3, param_dtype),
            "b": bias_init(key_b, (3 * hidden,), param_dtype),
            "bh": bias_init(key_bh, (hidden,), param_dtype),
        }

    form = Structured(
        project=lambda params, x: matmul(x, params["wx"]),
        kernel=lambda params: params["wh"],
        hidden=lambda params, h: h,
        update=lambda params, h, u, a: _keep(params, h, u, a)[0],
        prepare=partial(_prepare, dtype=jnp.dtype(dtype or param_dtype)),
        pullback=Pullback(_keep, _linearise, _pull, _gather, gates=3),
        plain="gru",
    )
    cell = structured_cell(init, zero_start(hidden, dtype=param_dtype), form, inputs)
    return cell._replace(gates=GateOrder(3, keep=1, store=None))


class GRUResiduals(NamedTuple):
    """The values of a step that its derivatives need."""

    gates: Float[Array, "*B 2H"]  # r and z, as outputs of the tanh
    n: Float[Array, "*B H"]
    hidden: Float[Array, "*B H"]  # U_n h_{t-1} + b_h


class GRUDerivatives(NamedTuple):
    """The derivatives of h_t, for many steps at once."""

    u: Float[Array, "*K GH"]  # dh_t / du, gate by gate
    hidden: Float[Array, "*K H"]  # dh_t / d(U_n h_{t-1})
    h: Float[Array, "*K H"]  # dh_t / dh_{t-1}, without the path through the matmul


def _prepare(params: Params, dtype: DType) -> Params:
    """Scale the columns of the sigmoid gates and cast the matrices."""
    scale = gate_scale(params["wh"].shape[-1] // 3, 3, linear=(2,)).astype(params["b"].dtype)
    matrices = {name: params[name] * broadcast_rows(scale, params[name]) for name in ("wx", "wh")}
    return cast(params | matrices | {"b": params["b"] * scale}, dtype, "wx", "wh")


def _keep(params: Params, h: Array, u: PyTree, a: Array) -> tuple[tuple, GRUResiduals]:
    """Return ``((h_t, y_t), residuals)``; u is one array, or split into its gates."""
    u = u if isinstance(u, tuple) else split_gates(u, 3)
    biases = split_gates(params["b"], 3)
    u = [part + broadcast_rows(b, part) for part, b in zip(u, biases, strict=True)]
    a_r, a_z, a_n = split_gates(a, 3)
    r, z = jnp.tanh(u[0] + a_r), jnp.tanh(u[1] + a_z)
    hidden = a_n + broadcast_rows(params["bh"], a_n)
    n = jnp.tanh(u[2] + tanh_to_sigmoid(r) * hidden)
    h = n + tanh_to_sigmoid(z) * (h - n)
    residuals = GRUResiduals(jnp.concatenate([r, z], axis=-1), n, hidden)
    return (h, h.astype(params["wh"].dtype)), residuals


def _linearise(params: Params, h: Array, residuals: GRUResiduals) -> GRUDerivatives:
    """Return the derivatives of many steps, without a recurrence."""
    gates, n, hidden = residuals
    r, z = split_gates(tanh_to_sigmoid(gates), 2)
    slope_r, slope_z = split_gates(0.5 - 0.5 * gates * gates, 2)
    slope_n = (1.0 - z) * (1.0 - n * n)
    u = [slope_n * hidden * slope_r, (h - n) * slope_z, slope_n]
    return GRUDerivatives(jnp.concatenate(u, axis=-1), slope_n * r, z)


def _pull(steps: GRUDerivatives, h: Array, y: Array) -> tuple[Array, Array, Array]:
    """Return the cotangents of (h_{t-1}, u, a) from those of (h_t, y_t)."""
    h = h + y.astype(h.dtype)
    u = steps.u * jnp.concatenate([h, h, h], axis=-1)
    a = jnp.concatenate([u[..., : 2 * h.shape[-1]], steps.hidden * h], axis=-1)
    return steps.h * h, u, a


def _gather(params: Params, h: Array, residuals: GRUResiduals, steps: Cotangents) -> Params:
    """Return the gradients of the biases."""
    return bias_gradients(params, b=steps.u, bh=steps.a[..., -h.shape[-1] :])
