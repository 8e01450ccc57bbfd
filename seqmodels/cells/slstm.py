"""sLSTM, with exponential gates, a normaliser state, and block-diagonal heads."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import (
    DType,
    affine,
    at_least_float32,
    broadcast_rows,
    check_dtype,
    gate_scale,
    split_gates,
    tanh_to_sigmoid,
)
from seqmodels.cells.forms import structured_cell
from seqmodels.cells.initializers import Initializer, gate_init, glorot, orthogonal, zeros
from seqmodels.errors import UserError
from seqmodels.types import Array, Cell, Float, Params, Structured

LOG_ZERO = -1e30  # finite, so that no gradient contains inf - inf


class SLSTMCarry(NamedTuple):
    """Output h, cell c and normaliser n, both divided by exp(m), and the log scale m."""

    h: Float[Array, "*B H"]
    c: Float[Array, "*B H"]
    n: Float[Array, "*B H"]
    m: Float[Array, "*B H"]


def falling_bias(hidden: int, heads: int, dtype: DType) -> Float[Array, " H"]:
    """Return the authors' forget bias, which falls from 5 to -7 over the units of a head."""
    units = hidden // heads
    position = jnp.linspace(0.0, 1.0, units, dtype=dtype)
    return jnp.tile(5.0 - 12.0 * position**0.3, heads)


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

    The carry holds c and n divided by exp(m_t), m_t = max(log f + m_{t-1}, log i); the factor
    cancels in c / n.  m starts at -1e30, so n_t >= 1 from the first step on, and no gate can
    overflow or divide by zero.  ``wh`` is [N, H/N, 4*H/N] for N heads.  Gates are in the order
    i, f, z, o.
    """
    param_dtype = check_dtype(param_dtype)
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
        shape, state = (*batch_shape, hidden), at_least_float32(param_dtype)
        h, c, n = (jnp.zeros(shape, state) for _ in range(3))
        return SLSTMCarry(h, c, n, jnp.full(shape, LOG_ZERO, state))

    form = Structured(
        project=_project,
        kernel=lambda params: params["wh"],
        hidden=lambda params, carry: carry.h,
        update=partial(_update, exponential_forget),
        prepare=partial(_prepare, dtype=jnp.dtype(dtype or param_dtype)),
    )
    return structured_cell(init, start, form, inputs)


def _prepare(params: Params, dtype: DType) -> Params:
    """Scale the columns of the sigmoid gate, order all columns by head, and cast the matrices."""
    heads, units, _ = params["wh"].shape
    scale = gate_scale(heads * units, 4, linear=(0, 1, 2)).astype(params["b"].dtype)
    block_scale = gate_scale(units, 4, linear=(0, 1, 2)).astype(params["b"].dtype)
    wx = params["wx"] * broadcast_rows(scale, params["wx"])
    wh = params["wh"] * broadcast_rows(block_scale, params["wh"])
    return {
        "wx": _by_head(wx, heads).astype(dtype),
        "wh": wh.astype(dtype),
        "b": _by_head(params["b"] * scale, heads),
    }


def _by_head(columns: Float[Array, "*D GH"], heads: int) -> Float[Array, "*D GH"]:
    """Reorder columns from (gate, head, unit) to (head, gate, unit), the order of the kernel."""
    split = columns.reshape(*columns.shape[:-1], 4, heads, -1)
    return jnp.swapaxes(split, -3, -2).reshape(columns.shape)


def _project(params: Params, x: Float[Array, "*B D"]) -> Float[Array, "*B N GH"]:
    heads, units, _ = params["wh"].shape
    u = affine(x, params["wx"], params["b"])
    return u.reshape(*u.shape[:-1], heads, 4 * units)


def _update(
    exponential_forget: bool, params: Params, carry: SLSTMCarry, u: Array, a: Array
) -> tuple[SLSTMCarry, Array]:
    i, f, z, o = split_gates(u + a, 4)
    c, n, m = (state.reshape(i.shape) for state in carry[1:])
    z, o = split_gates(jnp.tanh(jnp.concatenate([z, o], axis=-1)), 2)
    log_old = m + (f if exponential_forget else jax.nn.log_sigmoid(f))
    m = jnp.maximum(log_old, i)
    i, f = split_gates(jnp.exp(jnp.concatenate([i - m, log_old - m], axis=-1)), 2)
    c, n = f * c + i * z, f * n + i
    h = tanh_to_sigmoid(o) * c / n
    new = SLSTMCarry(*(state.reshape(carry.h.shape) for state in (h, c, n, m)))
    return new, new.h.astype(params["wh"].dtype)
