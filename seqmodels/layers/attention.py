"""Attention: what a decoder reads of a source, as pure functions of queries and keys.

    e_s = score(q, k_s),    a = softmax_s(e_s) over the source's own positions,    c = sum_s a_s m_s

The keys are computed once for a source.  Queries may have more axes than the memory has batch axes
(``[*B, *Q, H]`` beside ``[*B, S, M]``): decoding steps, or the beams of a sentence, which share it.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.errors import UserError
from seqmodels.types import Array, Bool, Float, Params

glorot = jax.nn.initializers.glorot_uniform()


class Attention(NamedTuple):
    """How well a query and a position of the source fit.

    init:  ``(key) -> params``
    keys:  ``(params, memory [*B, S, M]) -> keys [*B, S, A]``
    score: ``(params, query [*B, Q, H], keys, mask [*B, S]) -> scores [*B, Q, S]``
    """

    init: Callable[[jax.Array], Params]
    keys: Callable[[Params, Array], Array]
    score: Callable[[Params, Array, Array, Array], Array]


class Source(NamedTuple):
    """What can be attended to, batch first: values, their keys, and which positions exist."""

    memory: Float[Array, "*B S M"]
    keys: Float[Array, "*B S A"]
    mask: Bool[Array, "*B S"]


class Attended(NamedTuple):
    """The weighted mean of the memory, and its weights."""

    context: Float[Array, "*B M"]
    weights: Float[Array, "*B S"]


def attend(
    attention: Attention,
    params: Params,
    source: Source,
    query: Float[Array, "*N H"],
    bias: Float[Array, "*N S"] | None = None,
) -> Attended:
    """Weights, zero where the mask is False, and context; ``bias`` is added to the scores.

    A source without any position gives weights and a context of zero.
    """
    batch, queries = source.mask.shape[:-1], query.shape[:-1]
    flat = query.reshape(*batch, -1, query.shape[-1])
    scores = attention.score(params, flat, source.keys, source.mask).astype(jnp.float32)
    if bias is not None:
        scores = scores + bias.reshape(scores.shape)
    mask = jnp.broadcast_to(source.mask[..., None, :], scores.shape)
    lowest = jnp.full_like(scores, jnp.finfo(scores.dtype).min)
    # Finite, so that the gradient is too where there is no position at all.
    weights = jax.nn.softmax(jnp.where(mask, scores, lowest), axis=-1) * mask.astype(scores.dtype)
    context = jnp.matmul(weights.astype(source.memory.dtype), source.memory)
    return Attended(context.reshape(*queries, -1), weights.reshape(*queries, -1))


def dot(query: int, memory: int, units: int) -> Attention:
    """``e_s = q . m_s``, Luong et al. (2015), arXiv:1508.04025; both must be equally wide."""
    del units
    if query != memory:
        raise UserError(
            f"--attention dot compares {query} units of the decoder with {memory} of the encoder: "
            "take general, or add --no-bidirectional"
        )
    return Attention(lambda key: {}, lambda params, m: m, _dot)


def scaled_dot(query: int, memory: int, units: int) -> Attention:
    """``e_s = (W q) . (U m_s) / sqrt(A)``, Vaswani et al. (2017), arXiv:1706.03762."""

    def score(params: Params, q: Array, keys: Array, mask: Array) -> Array:
        return _dot(params, jnp.matmul(q, params["wq"]), keys, mask) * units**-0.5

    def init(key: jax.Array) -> Params:
        key_q, key_m = jax.random.split(key)
        return {"wq": glorot(key_q, (query, units)), "wm": glorot(key_m, (memory, units))}

    return Attention(init, lambda params, m: jnp.matmul(m, params["wm"]), score)


def general(query: int, memory: int, units: int) -> Attention:
    """``e_s = q . (W m_s)``, Luong et al. (2015), arXiv:1508.04025."""
    del units
    return Attention(
        lambda key: {"wm": glorot(key, (memory, query))},
        lambda params, m: jnp.matmul(m, params["wm"]),
        _dot,
    )


def additive(query: int, memory: int, units: int) -> Attention:
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

    return Attention(init, keys, _additive)


def concat(query: int, memory: int, units: int) -> Attention:
    """``e_s = v . tanh(W [q, m_s])``, Luong et al. (2015): additive, with one matrix, no bias."""

    def init(key: jax.Array) -> Params:
        key_w, key_v = jax.random.split(key)
        w = glorot(key_w, (query + memory, units))
        return {"wq": w[:query], "wm": w[query:], "v": glorot(key_v, (units, 1))[:, 0]}

    return Attention(init, lambda params, m: jnp.matmul(m, params["wm"]), _additive)


def local(query: int, memory: int, units: int, reach: float = 5.0) -> Attention:
    """``general`` within a window around a place that the query predicts (Luong et al., local-p).

        p = (S - 1) sigma(v . tanh(W q)),    e_s = q . (U m_s) - (s - p)^2 / (2 (reach / 2)^2)

    and no weight where |s - p| > reach; the Gaussian is inside the softmax, so weights sum to one.
    """
    inner = general(query, memory, units)

    def init(key: jax.Array) -> Params:
        key_i, key_w, key_v = jax.random.split(key, 3)
        own = {"wp": glorot(key_w, (query, units)), "vp": glorot(key_v, (units, 1))[:, 0]}
        return inner.init(key_i) | own

    def score(params: Params, q: Array, keys: Array, mask: Array) -> Array:
        last = jnp.sum(mask, axis=-1, dtype=jnp.float32)[..., None] - 1.0
        where = jnp.tanh(jnp.matmul(q, params["wp"])) @ params["vp"]
        place = jnp.broadcast_to(last, where.shape) * jax.nn.sigmoid(where)
        positions = jnp.arange(keys.shape[-2], dtype=jnp.float32)
        scores = inner.score(params, q, keys, mask)
        away = jnp.broadcast_to(positions, scores.shape) - place[..., None]
        scores = scores - jnp.square(away) / (0.5 * reach**2)
        return jnp.where(jnp.abs(away) <= reach, scores, jnp.full_like(scores, -1e9))

    return Attention(init, inner.keys, score)


ATTENTIONS: dict[str, Callable[..., Attention]] = {
    "additive": additive,
    "dot": dot,
    "general": general,
    "concat": concat,
    "scaled_dot": scaled_dot,
    "local": local,
}


def _dot(params: Params, q: Array, keys: Array, mask: Array) -> Array:
    return jnp.matmul(q, jnp.swapaxes(keys, -1, -2))


def _additive(params: Params, q: Array, keys: Array, mask: Array) -> Array:
    q = jnp.matmul(q, params["wq"])[..., :, None, :]
    keys = keys[..., None, :, :]
    shape = jnp.broadcast_shapes(q.shape, keys.shape)
    hidden = jnp.tanh(jnp.broadcast_to(q, shape) + jnp.broadcast_to(keys, shape))
    return jnp.matmul(hidden, params["v"])
