"""The gates of an LSTM over a sequence: what it forgets, stores, updates and shows."""

import jax
import jax.numpy as jnp

from seqmodels.cells.build import affine, dot, split_gates
from seqmodels.cells.lstm import LSTMCarry
from seqmodels.errors import UserError
from seqmodels.types import Array, Cell, Float, Params
from seqmodels.unroll import carries


def lstm_gates(
    cell: Cell, params: Params, xs: Float[Array, "T *B D"], carry: LSTMCarry | None = None
) -> dict[str, Float[Array, "T *B H"]]:
    """Gates at every step of a plain LSTM, and the states after it, in the order of events.

    forget f, input i, candidate g:  c_t = f * c_{t-1} + i * g
    output o:                        h_t = o * tanh(c_t)
    """
    if set(params) != {"wx", "wh", "b"} or params["wx"].shape[-1] != 4 * params["wh"].shape[0]:
        raise UserError("lstm_gates reads the plain LSTM, without peepholes, norm or projection")
    first = cell.start(params, xs.shape[1:-1]) if carry is None else carry
    _, states = carries(cell, params, xs, first)
    before = jnp.concatenate([first.h[None], states.h[:-1]])
    z = affine(xs, params["wx"], params["b"]) + dot(before, params["wh"])
    i, f, g, o = split_gates(z, 4)
    sigma = jax.nn.sigmoid
    opened = {"forget": sigma(f), "input": sigma(i), "candidate": jnp.tanh(g)}
    return opened | {"c": states.c, "output": sigma(o), "h": states.h}
