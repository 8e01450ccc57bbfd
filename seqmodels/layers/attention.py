"""Attention of Bahdanau and Luong, and scaled dot-product attention, with masks.

    e_s = score(q, k_s),    a = softmax_s(e_s) over unmasked positions,    c = sum_s a_s m_s

m_s is the memory at position s of the source.  The keys are computed once per source.  Queries may
have more axes than the source has batch axes, ``[*B, *Q, H]`` for ``[*B, S, M]``: for example
decoding steps, or the beams of a sentence.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.initializers import glorot
from seqmodels.errors import UserError
from seqmodels.types import Array, Bool, Float, Params


class Attention(NamedTuple):
    """A score function for queries and keys.

    init:  ``(key) -> params``
    keys:  ``(params, memory [*B, S, M]) -> keys [*B, S, A]``
    score: ``(params, query [*B, Q, H], keys, mask [*B, S]) -> scores [*B, Q, S]``
    """

    init: Callable[[jax.Array], Params]
    keys: Callable[[Params, Array], Array]
    score: Callable[[Params, Array, Array, Array], Array]


class AttentionSource(NamedTuple):
    """The memory to attend to, its keys, and a mask of the positions that exist."""

    memory: Float[Array, "*B S M"]
    keys: Float[Array, "*B S A"]
    mask: Bool[Array, "*B S"]


class AttentionOutput(NamedTuple):
    """The weighted mean of the memory, and the weights."""

    context: Float[Array, "*B M"]
    weights: Float[Array, "*B S"]


def attend(
    attention: Attention,
    params: Params,
    source: AttentionSource,
    query: Float[Array, "*N H"],
    bias: Float[Array, "*N S"] | None = None,
) -> AttentionOutput:
    """Return the attention context and weights; ``bias`` is added to the scores.

    Weights are zero where the mask is False.  A source that is masked everywhere gives a context
    and weights of zero.
    """
    batch, queries = source.mask.shape[:-1], query.shape[:-1]
    flat = query.reshape(*batch, -1, query.shape[-1])
    scores = attention.score(params, flat, source.keys, source.mask).astype(jnp.float32)
    if bias is not None:
        scores = scores + bias.reshape(scores.shape)
    mask = jnp.broadcast_to(source.mask[..., None, :], scores.shape)
    # Finite, so that gradients are finite even if every position is masked.
    lowest = jnp.full_like(scores, jnp.finfo(scores.dtype).min)
    weights = jax.nn.softmax(jnp.where(mask, scores, lowest), axis=-1) * mask.astype(scores.dtype)
    context = jnp.matmul(weights.astype(source.memory.dtype), source.memory)
    return AttentionOutput(context.reshape(*queries, -1), weights.reshape(*queries, -1))


def dot_attention(query: int, memory: int, units: int) -> Attention:
    """``e_s = q . m_s``, Luong et al. (2015), arXiv:1508.04025."""
    del units
    if query != memory:
        raise UserError(
            f"--attention dot: the decoder has {query} units and the encoder {memory}, but they "
            "must be equal; use --attention general or --no-bidirectional"
        )
    return Attention(lambda key: {}, lambda params, m: m, _dot_score)


def scaled_dot_attention(query: int, memory: int, units: int) -> Attention:
    """``e_s = (W q) . (U m_s) / sqrt(A)``, Vaswani et al. (2017), arXiv:1706.03762."""

    def score(params: Params, q: Array, keys: Array, mask: Array) -> Array:
        return _dot_score(params, jnp.matmul(q, params["wq"]), keys, mask) * units**-0.5

    def init(key: jax.Array) -> Params:
        key_q, key_m = jax.random.split(key)
        return {"wq": glorot(key_q, (query, units)), "wm": glorot(key_m, (memory, units))}

    return Attention(init, _linear_keys, score)


def general_attention(query: int, memory: int, units: int) -> Attention:
    """``e_s = q . (W m_s)``, Luong et al. (2015), arXiv:1508.04025."""
    del units
    return Attention(lambda key: {"wm": glorot(key, (memory, query))}, _linear_keys, _dot_score)


def additive_attention(query: int, memory: int, units: int) -> Attention:
    """``e_s = v . tanh(W q + U m_s + b)``, Bahdanau et al. (2015), arXiv:1409.0473."""

    def init(key: jax.Array) -> Params:
        key_q, key_m, key_v = jax.random.split(key, 3)
        return {
            "wq": glorot(key_q, (query, units)),
            "wm": glorot(key_m, (memory, units)),
            "b": jnp.zeros((units,)),
            "v": glorot(key_v, (units, 1))[:, 0],
        }

    def keys(params: Params, m: Array) -> Array:
        keys = jnp.matmul(m, params["wm"])
        return keys + jnp.broadcast_to(params["b"], keys.shape)

    return Attention(init, keys, _additive_score)


def concat_attention(query: int, memory: int, units: int) -> Attention:
    """``e_s = v . tanh(W [q, m_s])``, Luong et al. (2015), additive attention without a bias."""

    def init(key: jax.Array) -> Params:
        key_w, key_v = jax.random.split(key)
        w = glorot(key_w, (query + memory, units))
        return {"wq": w[:query], "wm": w[query:], "v": glorot(key_v, (units, 1))[:, 0]}

    return Attention(init, _linear_keys, _additive_score)


def local_attention(query: int, memory: int, units: int, reach: float = 5.0) -> Attention:
    """Luong et al. (2015), local-p: ``general`` in a window around a predicted position.

        p = (S - 1) sigma(v . tanh(W q)),    e_s = q . (U m_s) - (s - p)^2 / (2 (reach / 2)^2)

    Weights are zero where |s - p| > reach.  The Gaussian is inside the softmax, so that weights sum
    to one.
    """
    inner = general_attention(query, memory, units)

    def init(key: jax.Array) -> Params:
        key_i, key_w, key_v = jax.random.split(key, 3)
        own = {"wp": glorot(key_w, (query, units)), "vp": glorot(key_v, (units, 1))[:, 0]}
        return inner.init(key_i) | own

    def score(params: Params, q: Array, keys: Array, mask: Array) -> Array:
        last = jnp.sum(mask, axis=-1, dtype=jnp.float32)[..., None] - 1.0
        logits = jnp.tanh(jnp.matmul(q, params["wp"])) @ params["vp"]
        center = jnp.broadcast_to(last, logits.shape) * jax.nn.sigmoid(logits)
        positions = jnp.arange(keys.shape[-2], dtype=jnp.float32)
        scores = inner.score(params, q, keys, mask)
        distance = jnp.broadcast_to(positions, scores.shape) - center[..., None]
        scores = scores - jnp.square(distance) / (0.5 * reach**2)
        return jnp.where(jnp.abs(distance) <= reach, scores, jnp.full_like(scores, -1e9))

    return Attention(init, inner.keys, score)


ATTENTIONS: dict[str, Callable[..., Attention]] = {
    "additive": additive_attention,
    "dot": dot_attention,
    "general": general_attention,
    "concat": concat_attention,
    "scaled_dot": scaled_dot_attention,
    "local": local_attention,
}


def _linear_keys(params: Params, m: Array) -> Array:
    return jnp.matmul(m, params["wm"])


def _dot_score(params: Params, q: Array, keys: Array, mask: Array) -> Array:
    return jnp.matmul(q, jnp.swapaxes(keys, -1, -2))


def _additive_score(params: Params, q: Array, keys: Array, mask: Array) -> Array:
    q = jnp.matmul(q, params["wq"])[..., :, None, :]
    keys = keys[..., None, :, :]
    shape = jnp.broadcast_shapes(q.shape, keys.shape)
    hidden = jnp.tanh(jnp.broadcast_to(q, shape) + jnp.broadcast_to(keys, shape))
    return jnp.matmul(hidden, params["v"])
