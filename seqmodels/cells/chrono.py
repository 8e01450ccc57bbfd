"""Gates that hold the state for long from the first training step on."""

import jax
import jax.numpy as jnp

from seqmodels.errors import UserError
from seqmodels.types import Cell, Params

# How many gates there are, which of them keeps the state, and which lets new things in.
GATES: dict[str, tuple[int, int | None, int | None]] = {
    "gru": (3, 1, None),
    "lstm": (4, 1, 0),
    "min_gru": (2, None, 0),
    "min_lstm": (3, 0, 1),
}


def chrono(cell: Cell, name: str, longest: int) -> Cell:
    """A GRU, LSTM, minGRU or minLSTM whose units start with memories of up to ``longest`` steps.

        b_keep = log U(1, T - 1),    b_store = -log U(1, T - 1), the same draw

    A gate of bias b keeps sigma(b) of the state at a step, and so forgets in about 1 + e^b steps.
    Tallec and Ollivier (2018), arXiv:1804.11188.
    """
    if name not in GATES:
        raise UserError(f"--chrono is for {', '.join(GATES)}, lru, not for {name}: leave it out")
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
