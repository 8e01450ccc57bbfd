"""Pooling of the outputs of all time steps into one vector, with masks."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from seqmodels.cells.initializers import glorot
from seqmodels.types import Array, Bool, Carry, Float, Params
from seqmodels.wrap import Directions

Mask = Bool[Array, "T *B"]


def pool_last(ys: Float[Array, "T *B H"], mask: Mask) -> Float[Array, "*B H"]:
    """Return the output at the last step of each sequence, or zero for an empty sequence."""
    index = ys.shape[0] - 1 - jnp.argmax(mask[::-1], axis=0)
    return jnp.take_along_axis(ys, index[None, ..., None], axis=0)[0]


def pool_first(ys: Float[Array, "T *B H"], mask: Mask) -> Float[Array, "*B H"]:
    """Return the output at the first step of each sequence, where a backward cell ends."""
    return pool_last(ys[::-1], mask[::-1])


def pool_mean(ys: Float[Array, "T *B H"], mask: Mask) -> Float[Array, "*B H"]:
    """Return the mean over the steps of each sequence."""
    count = jnp.maximum(jnp.sum(mask, axis=0, dtype=ys.dtype), jnp.ones((), ys.dtype))
    total = jnp.sum(jnp.where(mask[..., None], ys, jnp.zeros_like(ys)), axis=0)
    return total / count[..., None]


def pool_max(ys: Float[Array, "T *B H"], mask: Mask) -> Float[Array, "*B H"]:
    """Return the maximum of each feature over the steps, or zero for an empty sequence."""
    lowest = jnp.full_like(ys, jnp.finfo(ys.dtype).min)
    highest = jnp.max(jnp.where(mask[..., None], ys, lowest), axis=0)
    return jnp.where(jnp.any(mask, axis=0)[..., None], highest, jnp.zeros_like(highest))


def pool_attention(params: Params, ys: Float[Array, "T *B H"], mask: Mask) -> Float[Array, "*B H"]:
    """Return the mean over the steps weighted by ``pool_attention_weights``."""
    return jnp.einsum("t...,t...h->...h", pool_attention_weights(params, ys, mask), ys)


def pool_attention_weights(
    params: Params, ys: Float[Array, "T *B H"], mask: Mask
) -> Float[Array, "T *B"]:
    """Return ``a_t = softmax_t(v . tanh(W y_t + b))``, which is zero outside the mask.

    Yang et al. (2016), "Hierarchical attention networks for document classification".
    """
    hidden = jnp.einsum("...h,hk->...k", ys, params["w"].astype(ys.dtype))
    hidden = jnp.tanh(hidden + jnp.broadcast_to(params["b"].astype(ys.dtype), hidden.shape))
    scores = jnp.einsum("...k,k->...", hidden, params["v"].astype(ys.dtype))
    return jax.nn.softmax(scores, axis=0, where=mask)


def init_pool_attention(key: jax.Array, size: int) -> Params:
    """Return parameters for ``pool_attention`` that make it the mean, since v = 0."""
    w = glorot(key, (size, size))
    return {"w": w, "b": jnp.zeros((size,)), "v": jnp.zeros((size,))}


def pool_final(ys: Float[Array, "T *B H"], mask: Mask, carry: Carry) -> Float[Array, "*B H"]:
    """Return the output of a cell after it has read the whole sequence.

    For a bidirectional cell, which the type of ``carry`` shows, this is the last output of the
    forward direction and the first output of the backward direction.
    """
    while type(carry) is tuple:  # the carry of a stack
        carry = carry[-1]
    if not isinstance(carry, Directions):
        return pool_last(ys, mask)
    forward, backward = jnp.split(ys, 2, axis=-1)
    return jnp.concatenate([pool_last(forward, mask), pool_first(backward, mask)], axis=-1)


Pool = Callable[[Params, Array, Array, Carry], Array]

POOLS: dict[str, Pool] = {
    "last": lambda params, ys, mask, carry: pool_final(ys, mask, carry),
    "mean": lambda params, ys, mask, carry: pool_mean(ys, mask),
    "max": lambda params, ys, mask, carry: pool_max(ys, mask),
    "attention": lambda params, ys, mask, carry: pool_attention(params, ys, mask),
}
