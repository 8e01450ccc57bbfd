"""Chrono initialisation of gate biases for long memories."""

import jax
import jax.numpy as jnp

from seqmodels.errors import UserError
from seqmodels.types import Cell, Params


def chrono(cell: Cell, longest: int) -> Cell:
    """Initialise the gate biases of a cell for memories of up to ``longest`` steps, T.

        b_keep = log u,    b_store = -log u,    u ~ U(1, T - 1)

    A gate with bias b keeps sigma(b) of the state at each step, and so forgets in about 1 + e^b
    steps.  The cell must have such gates (``Cell.gates``).  Tallec and Ollivier (2018),
    arXiv:1804.11188.
    """
    if cell.gates is None:
        raise UserError(
            "chrono needs a cell with gates that keep or store, such as lstm or gru; "
            "apply it to each cell, before any wrap"
        )
    gates, keep, store = cell.gates

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
