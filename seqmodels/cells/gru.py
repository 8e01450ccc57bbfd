"""The gated recurrent unit, with the reset gate after the matmul."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.build import (
    DType,
    Initializer,
    bias_gradients,
    cast,
    check_dtype,
    dot,
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
from seqmodels.types import Array, Cell, Cotangents, Float, Params, Pullback, PyTree, Structured


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
        return dot(x, params["wx"])

    def keep(params: Params, h: Array, u: PyTree, a: Array) -> tuple[tuple, Kept]:
        u = u if isinstance(u, tuple) else split_gates(u, 3)
        u = [part + rows(b, part) for part, b in zip(u, split_gates(params["b"], 3), strict=True)]
        a_r, a_z, a_n = split_gates(a, 3)
        r, z = jnp.tanh(u[0] + a_r), jnp.tanh(u[1] + a_z)
        seen = a_n + rows(params["bh"], a_n)
        n = jnp.tanh(u[2] + half(r) * seen)
        h = n + half(z) * (h - n)
        return (h, h.astype(compute)), Kept(jnp.concatenate([r, z], axis=-1), n, seen)

    form = Structured(
        project=project,
        kernel=lambda params: params["wh"],
        hidden=lambda params, h: h,
        update=lambda params, h, u, a: keep(params, h, u, a)[0],
        prepare=prepare,
        pullback=Pullback(keep, linearise, pull, gather, gates=3),
        plain="gru",
    )
    return structured_cell(init, zero_start(hidden, dtype=param_dtype), form, inputs)


class Kept(NamedTuple):
    """What the derivatives of a step need."""

    gates: Float[Array, "*B 2H"]  # r and z as they left the tanh
    n: Float[Array, "*B H"]
    seen: Float[Array, "*B H"]  # U_n h_{t-1} + b_h


class Linearised(NamedTuple):
    """The derivatives of h_t, for many steps at once."""

    u: Float[Array, "*K GH"]  # dh_t / du, gate by gate
    seen: Float[Array, "*K H"]  # dh_t / d(U_n h_{t-1})
    h: Float[Array, "*K H"]  # dh_t / dh_{t-1}, the matmul aside


def linearise(params: Params, h: Array, kept: Kept) -> Linearised:
    """The derivatives of ``update`` for every step of a chunk, all without recurrence."""
    r, z = split_gates(half(kept.gates), 2)
    slope_r, slope_z = split_gates(0.5 - 0.5 * kept.gates * kept.gates, 2)
    slope_n = (1.0 - z) * (1.0 - kept.n * kept.n)
    gates = [slope_n * kept.seen * slope_r, (h - kept.n) * slope_z, slope_n]
    return Linearised(jnp.concatenate(gates, axis=-1), slope_n * r, z)


def pull(steps: Linearised, h: Array, y: Array) -> tuple[Array, Array, Array]:
    """The cotangents of (h_{t-1}, u, a) from those of (h_t, y_t)."""
    h = h + y.astype(h.dtype)
    u = steps.u * jnp.concatenate([h, h, h], axis=-1)
    a = jnp.concatenate([u[..., : 2 * h.shape[-1]], steps.seen * h], axis=-1)
    return steps.h * h, u, a


def gather(params: Params, h: Array, kept: Kept, steps: Cotangents) -> Params:
    """The gradients of the biases that ``update`` reads."""
    return bias_gradients(params, b=steps.u, bh=steps.a[..., -h.shape[-1] :])
