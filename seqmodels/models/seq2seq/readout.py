"""Readout: from the decoder's output to logits of the next token."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import broadcast_rows, matmul
from seqmodels.cells.initializers import glorot
from seqmodels.types import Array, Float, Params


class Readout(NamedTuple):
    """Logits of the target vocabulary.

    init:  ``(key) -> params``
    apply: ``(params, hidden [*B, H], embedding [V, E]) -> logits [*B, V]``
    """

    init: Callable[[jax.Array], Params]
    apply: Callable[[Params, Array, Array], Array]


def token_readout(hidden: int, embedding: int, vocabulary: int, tied: bool) -> Readout:
    """Return ``logits = h W + b``, or ``h W F^T + b`` if tied to the target embedding F.

    There is no W if it would be a square matrix between equal widths.
    """
    width = embedding if tied else vocabulary

    def init(key: jax.Array) -> Params:
        matrix = {} if hidden == width else {"w": glorot(key, (hidden, width))}
        return matrix | {"bias": jnp.zeros((vocabulary,))}

    def apply(
        params: Params, h: Float[Array, "*B H"], table: Float[Array, "V E"]
    ) -> Float[Array, "*B V"]:
        h = matmul(h, params["w"]) if "w" in params else h
        logits = matmul(h, table.T) if tied else h
        return logits + broadcast_rows(params["bias"], logits)

    return Readout(init, apply)
