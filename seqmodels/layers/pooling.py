"""From the outputs of all time steps to one vector; steps outside of the mask do not count."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from seqmodels.types import Array, Bool, Carry, Float, Params
from seqmodels.wrap import Directions

Mask = Bool[Array, "T *B"]


def last(ys: Float[Array, "T *B H"], mask: Mask) -> Float[Array, "*B H"]:
    """The output at each sequence's own last step; zero for a sequence without steps."""
    place = ys.shape[0] - 1 - jnp.argmax(mask[::-1], axis=0)
    return jnp.take_along_axis(ys, place[None, ..., None], axis=0)[0]


def first(ys: Float[Array, "T *B H"], mask: Mask) -> Float[Array, "*B H"]:
    """The output at each sequence's first step, where a cell that runs backwards ends."""
    return last(ys[::-1], mask[::-1])


def mean(ys: Float[Array, "T *B H"], mask: Mask) -> Float[Array, "*B H"]:
    """The mean over a sequence's steps."""
    count = jnp.maximum(jnp.sum(mask, axis=0, dtype=ys.dtype), jnp.ones((), ys.dtype))
    total = jnp.sum(jnp.where(mask[..., None], ys, jnp.zeros_like(ys)), axis=0)
    return total / count[..., None]


def maximum(ys: Float[Array, "T *B H"], mask: Mask) -> Float[Array, "*B H"]:
    """The largest value of each feature; zero for a sequence without steps."""
    lowest = jnp.full_like(ys, jnp.finfo(ys.dtype).min)
    highest = jnp.max(jnp.where(mask[..., None], ys, lowest), axis=0)
    return jnp.where(jnp.any(mask, axis=0)[..., None], highest, jnp.zeros_like(highest))


def attention_weights(
    params: Params, ys: Float[Array, "T *B H"], mask: Mask
) -> Float[Array, "T *B"]:
    """How much each step counts, ``a_t = softmax_t(v . tanh(W y_t + b))``; zero outside the mask.

    Yang et al. (2016), "Hierarchical attention networks for document classification".
    """
    hidden = jnp.einsum("...h,hk->...k", ys, params["w"].astype(ys.dtype))
    hidden = jnp.tanh(hidden + jnp.broadcast_to(params["b"].astype(ys.dtype), hidden.shape))
    scores = jnp.einsum("...k,k->...", hidden, params["v"].astype(ys.dtype))
    return jax.nn.softmax(scores, axis=0, where=mask)


def attention(params: Params, ys: Float[Array, "T *B H"], mask: Mask) -> Float[Array, "*B H"]:
    """The mean over the steps weighted by ``attention_weights``."""
    return jnp.einsum("t...,t...h->...h", attention_weights(params, ys, mask), ys)


def init_attention(key: jax.Array, size: int) -> Params:
    """Weights for ``attention``; at first (v = 0) it is the mean."""
    w = jax.nn.initializers.glorot_uniform()(key, (size, size))
    return {"w": w, "b": jnp.zeros((size,)), "v": jnp.zeros((size,))}


def final(ys: Float[Array, "T *B H"], mask: Mask, carry: Carry) -> Float[Array, "*B H"]:
    """What a cell puts out when it has seen everything: of both directions, where each ends."""
    while type(carry) is tuple:  # a stack's
        carry = carry[-1]
    if not isinstance(carry, Directions):
        return last(ys, mask)
    ahead, back = jnp.split(ys, 2, axis=-1)
    return jnp.concatenate([last(ahead, mask), first(back, mask)], axis=-1)


Pool = Callable[[Params, Array, Array, Carry], Array]

POOLS: dict[str, Pool] = {
    "last": lambda params, ys, mask, carry: final(ys, mask, carry),
    "mean": lambda params, ys, mask, carry: mean(ys, mask),
    "max": lambda params, ys, mask, carry: maximum(ys, mask),
    "attention": lambda params, ys, mask, carry: attention(params, ys, mask),
}
