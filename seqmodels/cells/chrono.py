"""Chrono initialisation of gate biases for long memories."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.errors import UserError
from seqmodels.types import Cell, Params


class GateOrder(NamedTuple):
    """Number of gates, and the positions of those that keep the state and store the input."""

    gates: int
    keep: int | None
    store: int | None


GATES = {
    "gru": GateOrder(3, keep=1, store=None),
    "lstm": GateOrder(4, keep=1, store=0),
    "min_gru": GateOrder(2, keep=None, store=0),
    "min_lstm": GateOrder(3, keep=0, store=1),
}


def chrono(cell: Cell, name: str, longest: int) -> Cell:
    """Initialise the gate biases of a cell for memories of up to ``longest`` steps, T.

        b_keep = log u,    b_store = -log u,    u ~ U(1, T - 1)

    A gate with bias b keeps sigma(b) of the state at each step, and so forgets in about 1 + e^b
    steps.  ``name`` is one of ``GATES``.  Tallec and Ollivier (2018), arXiv:1804.11188.
    """
    if name not in GATES:
        raise UserError(
            f"--chrono: not available for --cell {name}; "
            f"leave it out, or choose one of {', '.join(GATES)}, lru"
        )
    gates, keep, store = GATES[name]

    def init(key: jax.Array) -> Params:
        key, key_own = jax.random.split(key)
        params = cell.init(key)
        bias = params["b"].reshape(gates, -1)
        width, most = bias.shape[1:], max(longest - 1.0, 2.0)
        spans = jax.random.uniform(key_own, width, bias.dtype, minval=1.0, maxval=most)
        bias = bias if keep is None else bias.at[keep].set(jnp.log(spans))
        bias = bias if store is None else bias.at[store].set(-jnp.log(spans))
        return params | {"b": bias.reshape(-1)}

    return cell._replace(init=init)
