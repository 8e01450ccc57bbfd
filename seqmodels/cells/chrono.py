"""Gates that hold the state for long from the first training step on."""

import jax
import jax.numpy as jnp

from seqmodels.errors import UserError
from seqmodels.types import Cell, Params

KEEPS = {"gru": (1, None), "lstm": (1, 0)}  # the gate that keeps the state, and its opponent


def chrono(cell: Cell, name: str, longest: int) -> Cell:
    """A GRU or LSTM whose units start with memories of up to ``longest`` steps.

        b_keep ~ log U(1, T - 1),    b_store = -b_keep where there is such a gate

    A gate of bias b keeps sigma(b) of the state at a step, and so forgets in about 1 + e^b steps.
    Tallec and Ollivier (2018), arXiv:1804.11188.
    """
    if name not in KEEPS:
        raise UserError(f"--chrono is for {' and '.join(KEEPS)}, not for {name}: leave it out")
    keep, store = KEEPS[name]

    def init(key: jax.Array) -> Params:
        key, key_own = jax.random.split(key)
        params = cell.init(key)
        hidden = params["wh"].shape[0]
        spans = jax.random.uniform(key_own, (hidden,), minval=1.0, maxval=max(longest - 1.0, 2.0))
        gates = params["b"].reshape(-1, hidden).at[keep].set(jnp.log(spans))
        gates = gates if store is None else gates.at[store].set(-jnp.log(spans))
        return params | {"b": gates.reshape(-1)}

    return cell._replace(init=init)
