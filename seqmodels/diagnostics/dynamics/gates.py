"""Gates and states of an LSTM over a sequence."""

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import affine, matmul, split_gates
from seqmodels.cells.lstm import LSTMCarry
from seqmodels.errors import UserError
from seqmodels.types import Array, Cell, Float, Params
from seqmodels.unroll import unroll_carries


def lstm_gates(
    cell: Cell, params: Params, xs: Float[Array, "T *B D"], carry: LSTMCarry | None = None
) -> dict[str, Float[Array, "T *B H"]]:
    """Return the gates of a plain LSTM at every step, and the states after it.

        c_t = f * c_{t-1} + i * g    forget f, input i, candidate g
        h_t = o * tanh(c_t)          output o

    The keys are in the order in which a step computes its values.
    """
    if set(params) != {"wx", "wh", "b"} or params["wx"].shape[-1] != 4 * params["wh"].shape[0]:
        raise UserError(
            "lstm_gates needs a plain LSTM, without peepholes, layer norm or projection"
        )
    first = cell.start(params, xs.shape[1:-1]) if carry is None else carry
    _, states = unroll_carries(cell, params, xs, first)
    before = jnp.concatenate([first.h[None], states.h[:-1]])
    z = affine(xs, params["wx"], params["b"]) + matmul(before, params["wh"])
    i, f, g, o = split_gates(z, 4)
    sigma = jax.nn.sigmoid
    gates = {"forget": sigma(f), "input": sigma(i), "candidate": jnp.tanh(g)}
    return gates | {"c": states.c, "output": sigma(o), "h": states.h}
