"""Carry-track LSTM."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import (
    DType,
    affine,
    broadcast_rows,
    cast,
    check_dtype,
    gate_scale,
    split_gates,
    tanh_to_sigmoid,
)
from seqmodels.cells.forms import structured_cell, zero_start
from seqmodels.cells.initializers import Initializer, gate_init, glorot, orthogonal, zeros
from seqmodels.types import Array, Cell, Float, GateOrder, Params, Structured


class CarryTrack(NamedTuple):
    """Recurrent state and carry track."""

    state: Float[Array, "*B H"]
    c: Float[Array, "*B H"]


def carry_track_lstm(
    inputs: int,
    hidden: int,
    *,
    activation: Callable[[Array], Array] = jnp.tanh,
    forget_bias: float = 1.0,
    kernel_init: Initializer = glorot,
    recurrent_init: Initializer = orthogonal,
    bias_init: Initializer = zeros,
    dtype: DType | None = None,
    param_dtype: DType = jnp.float32,
) -> Cell:
    """Carry-track LSTM of Chollet, "Deep learning with Python" (2017), section 6.2.

        i = sigma(W_i x_t + U_i s_{t-1} + b_i)    f = sigma(W_f x_t + U_f s_{t-1} + b_f)
        k = act(W_k x_t + U_k s_{t-1} + b_k)      c_t = i * k + c_{t-1} * f
        y_t = act(W_o x_t + U_o s_{t-1} + V c_{t-1} + b_o)
        s_t = y_t * act(c_t)

    The output reads the carry from *before* this step.  The next step reads the state s_t, not
    the output y_t.  Gates are in the order i, f, k, o.
    """
    param_dtype = check_dtype(param_dtype)
    compute = jnp.dtype(dtype or param_dtype)

    def init(key: jax.Array) -> Params:
        key_x, key_h, key_c, key_b = jax.random.split(key, 4)
        bias = bias_init(key_b, (4 * hidden,), param_dtype)
        return {
            "wx": gate_init(kernel_init, key_x, inputs, hidden, 4, param_dtype),
            "wh": gate_init(recurrent_init, key_h, hidden, hidden, 4, param_dtype),
            "wc": recurrent_init(key_c, (hidden, hidden), param_dtype),
            "b": bias.at[hidden : 2 * hidden].add(jnp.asarray(forget_bias, param_dtype)),
        }

    def start(params: Params, batch_shape: tuple[int, ...]) -> CarryTrack:
        return CarryTrack(*zero_start(hidden, hidden, dtype=param_dtype)(params, batch_shape))

    def update(params: Params, carry: CarryTrack, u: Array, a: Array) -> tuple[CarryTrack, Array]:
        z = u + a
        i, f = split_gates(tanh_to_sigmoid(jnp.tanh(z[..., : 2 * hidden])), 2)
        k, y = split_gates(activation(z[..., 2 * hidden :]), 2)
        c = i * k + carry.c * f
        return CarryTrack(y * activation(c), c), y.astype(compute)

    form = Structured(
        project=lambda params, x: affine(x, params["wx"], params["b"]),
        kernel=lambda params: params["wh"],
        hidden=lambda params, carry: jnp.concatenate([carry.state, carry.c], axis=-1),
        update=update,
        prepare=partial(_prepare, dtype=compute),
    )
    cell = structured_cell(init, start, form, inputs)
    return cell._replace(gates=GateOrder(4, keep=1, store=0))


def _prepare(params: Params, dtype: DType) -> Params:
    """Build one kernel for [state, c], in which only the output gate reads c."""
    hidden, param_dtype = params["wc"].shape[0], params["wc"].dtype
    scale = gate_scale(hidden, 4, linear=(2, 3)).astype(param_dtype)
    unread = jnp.zeros((hidden, 3 * hidden), param_dtype)
    from_state = params["wh"] * broadcast_rows(scale, params["wh"])
    from_c = jnp.concatenate([unread, params["wc"]], axis=-1)
    prepared = {
        "wx": params["wx"] * broadcast_rows(scale, params["wx"]),
        "wh": jnp.concatenate([from_state, from_c]),
        "b": params["b"] * scale,
    }
    return cast(prepared, dtype, "wx", "wh")
