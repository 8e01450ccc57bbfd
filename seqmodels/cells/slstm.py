"""sLSTM: exponential gates, a normaliser, and heads that mix only within themselves."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.build import (
    DType,
    Initializer,
    affine,
    check_dtype,
    gate_init,
    gate_scale,
    glorot,
    half,
    orthogonal,
    rows,
    split_gates,
    structured_cell,
    wide,
    zeros,
)
from seqmodels.errors import UserError
from seqmodels.types import Array, Cell, Float, Params, Structured

UNSEEN = -1e30  # log of "no input yet": finite, so that no gradient meets inf - inf


class SLSTMCarry(NamedTuple):
    h: Float[Array, "*B H"]
    c: Float[Array, "*B H"]
    n: Float[Array, "*B H"]
    m: Float[Array, "*B H"]


def falling_bias(hidden: int, heads: int, dtype: DType) -> Float[Array, " H"]:
    """The authors' forget bias: from 5 (keeps) down to -7 (forgets) over the units of a head."""
    units = hidden // heads
    place = jnp.linspace(0.0, 1.0, units, dtype=dtype)
    return jnp.tile(5.0 - 12.0 * place**0.3, heads)


def slstm(
    inputs: int,
    hidden: int,
    *,
    heads: int = 1,
    exponential_forget: bool = False,
    kernel_init: Initializer = glorot,
    recurrent_init: Initializer = orthogonal,
    bias_init: Initializer = zeros,
    dtype: DType | None = None,
    param_dtype: DType = jnp.float32,
) -> Cell:
    """sLSTM of xLSTM, Beck et al. (2024), arXiv:2405.04517.

        (i~, f~, z~, o~) = W_x x_t + W_h h_{t-1} + b        W_h block-diagonal over heads
        i = exp(i~)   f = sigma(f~) or exp(f~)   z = tanh(z~)   o = sigma(o~)
        c_t = f * c_{t-1} + i * z    n_t = f * n_{t-1} + i    y_t = h_t = o * c_t / n_t

    c and n are carried divided by exp(m_t), m_t = max(log f + m_{t-1}, log i), which cancels in
    their ratio.  m starts at -1e30, so n_t >= 1 ever after: no gate, however large, overflows or
    divides by zero.  ``wh`` is [N, H/N, 4*H/N] for N heads; gates lie in the order i, f, z, o.
    """
    param_dtype = check_dtype(param_dtype)
    compute = jnp.dtype(dtype or param_dtype)
    if heads < 1 or hidden % heads:
        raise UserError(f"heads={heads} must divide hidden={hidden}")
    units = hidden // heads

    def init(key: jax.Array) -> Params:
        key_x, key_h, key_b = jax.random.split(key, 3)
        bias = bias_init(key_b, (4 * hidden,), param_dtype)
        blocks = [
            gate_init(recurrent_init, k, units, units, 4, param_dtype)
            for k in jax.random.split(key_h, heads)
        ]
        return {
            "wx": gate_init(kernel_init, key_x, inputs, hidden, 4, param_dtype),
            "wh": jnp.stack(blocks),
            "b": bias.at[hidden : 2 * hidden].add(falling_bias(hidden, heads, param_dtype)),
        }

    def start(params: Params, batch_shape: tuple[int, ...]) -> SLSTMCarry:
        shape, state = (*batch_shape, hidden), wide(param_dtype)
        h, c, n = (jnp.zeros(shape, state) for _ in range(3))
        return SLSTMCarry(h, c, n, jnp.full(shape, UNSEEN, state))

    def by_head(columns: Float[Array, "*D GH"]) -> Float[Array, "*D GH"]:
        """Columns ordered by gate, then head, reordered by head, then gate: as the kernel's are."""
        split = columns.reshape(*columns.shape[:-1], 4, heads, units)
        return jnp.swapaxes(split, -3, -2).reshape(columns.shape)

    def prepare(params: Params) -> Params:
        scale = gate_scale(hidden, 4, linear=(0, 1, 2)).astype(param_dtype)
        block_scale = gate_scale(units, 4, linear=(0, 1, 2)).astype(param_dtype)
        return {
            "wx": by_head(params["wx"] * rows(scale, params["wx"])).astype(compute),
            "wh": (params["wh"] * rows(block_scale, params["wh"])).astype(compute),
            "b": by_head(params["b"] * scale),
        }

    def project(params: Params, x: Float[Array, "*B D"]) -> Float[Array, "*B N GH"]:
        u = affine(x, params["wx"], params["b"])
        return u.reshape(*u.shape[:-1], heads, 4 * units)

    def update(params: Params, carry: SLSTMCarry, u: Array, a: Array) -> tuple[SLSTMCarry, Array]:
        i, f, z, o = split_gates(u + a, 4)
        c, n, m = (state.reshape(i.shape) for state in carry[1:])
        z, o = split_gates(jnp.tanh(jnp.concatenate([z, o], axis=-1)), 2)
        kept = m + (f if exponential_forget else jax.nn.log_sigmoid(f))
        m = jnp.maximum(kept, i)
        i, f = split_gates(jnp.exp(jnp.concatenate([i - m, kept - m], axis=-1)), 2)
        c, n = f * c + i * z, f * n + i
        h = half(o) * c / n
        new = SLSTMCarry(*(state.reshape(carry.h.shape) for state in (h, c, n, m)))
        return new, new.h.astype(compute)

    form = Structured(
        project=project,
        kernel=lambda params: params["wh"],
        hidden=lambda params, carry: carry.h,
        update=update,
        prepare=prepare,
    )
    return structured_cell(init, start, form, inputs)
