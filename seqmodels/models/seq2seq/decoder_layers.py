"""Layers that the decoders share, and the check of their options."""

from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import affine
from seqmodels.cells.initializers import glorot
from seqmodels.errors import UserError
from seqmodels.types import Array, Float, Params


def init_affine(key: jax.Array, inputs: int, outputs: int) -> Params:
    """Return a Glorot-uniform matrix and a zero bias."""
    return {"w": glorot(key, (inputs, outputs)), "b": jnp.zeros((outputs,))}


def tanh_affine(params: Params, x: Float[Array, "*B D"]) -> Float[Array, "*B H"]:
    """Return ``tanh(x W + b)``."""
    return jnp.tanh(affine(x, params["w"], params["b"]))


def combine(
    params: Params, h: Float[Array, "*B H"], context: Float[Array, "*B C"]
) -> Float[Array, "*B E"]:
    """Return ``tanh([h, c] W + b)``, the output of a decoder with context c."""
    return tanh_affine(params, jnp.concatenate([h, context.astype(h.dtype)], axis=-1))


def check_decoder_options(options: dict[str, Any]) -> None:
    """Raise ``UserError`` for options of ``unroll`` that a decoder does not support."""
    if options["resets"] is not None or options["reverse"]:
        raise UserError("a decoder takes one target per source; unroll it without resets, reverse")
