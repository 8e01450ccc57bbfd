"""Encoder: embed the inputs, drop steps in training, and unroll a cell."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.data.ragged import Padded
from seqmodels.noise import Rate
from seqmodels.types import Array, Bool, Carry, Cell, Float, Layer, Params
from seqmodels.unroll import unroll


class EncoderOutput(NamedTuple):
    """The outputs of an encoder, the mask of its inputs, and its final carry."""

    outputs: Float[Array, "T B H"]
    mask: Bool[Array, "T B"]
    carry: Carry


class Encoder(NamedTuple):
    """Sequences in, one vector per step out.

    init:  ``(embedding_key, cell_key) -> {"embedding": ..., "cell": ...}``
    apply: ``(params, x, step_key=None, cell_key=None) -> EncoderOutput``; keys turn on noise
    """

    init: Callable[[jax.Array, jax.Array], Params]
    apply: Callable[..., EncoderOutput]


def encoder(
    cell: Cell,
    embedding: Layer | None = None,
    *,
    step_dropout: Rate = 0.0,
    reverse: bool = False,
) -> Encoder:
    """Return an encoder ``y_1 ... y_T = cell(E[x_1] ... E[x_T])``.

    embedding:    applied to the inputs, if there is one
    step_dropout: fraction of the steps whose embedded input is set to zero in training. For words
                  this is word dropout, Iyyer et al. (2015), "Deep unordered composition".
    reverse:      unroll from the last step to the first
    """

    def init(embedding_key: jax.Array, cell_key: jax.Array) -> Params:
        params = {"cell": cell.init(cell_key)}
        if embedding is not None:
            params["embedding"] = embedding.init(embedding_key)
        return params

    def apply(params: Params, x: Any, step_key: Any = None, cell_key: Any = None) -> EncoderOutput:
        xs, mask = time_first(x)
        xs = xs if embedding is None else embedding.apply(params["embedding"], xs)
        xs = drop_steps(xs, step_dropout, step_key)
        ys, carry = unroll(cell, params["cell"], xs, mask=mask, reverse=reverse, key=cell_key)
        return EncoderOutput(ys, jnp.ones(xs.shape[:2], bool) if mask is None else mask, carry)

    return Encoder(init, apply)


def drop_steps(xs: Float[Array, "T B D"], rate: Rate, key: Any) -> Float[Array, "T B D"]:
    """Set whole steps to zero at this rate; without a key return the steps unchanged."""
    if key is None:
        return xs
    kept = jax.random.bernoulli(key, 1.0 - jnp.asarray(rate), xs.shape[:2])
    return jnp.where(kept[..., None], xs, jnp.zeros_like(xs))


def time_first(x: Any) -> tuple[Array, Bool[Array, "T B"] | None]:
    """Return sequences ``[T, B, ...]`` and their mask, which is None if all have the same length.

    x: ``Padded``, or an array ``[B, T, ...]``
    """
    if isinstance(x, Padded):
        return jnp.asarray(x.values), jnp.asarray(x.mask)
    return jnp.moveaxis(x, 1, 0), None
