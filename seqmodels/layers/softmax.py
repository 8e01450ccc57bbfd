"""Softmax output layer of a language model, with tied embeddings and sampled training."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from seqmodels.cells.arithmetic import broadcast_rows
from seqmodels.errors import UserError
from seqmodels.flax import layer
from seqmodels.losses.classification import cross_entropy
from seqmodels.types import Array, Float, Int, Key, Params


class Softmax(NamedTuple):
    """An output layer that reads the parameters of the whole model.

    init:   ``(key, embedding params, width) -> params["readout"]``
    logits: ``(params, hidden) -> logits [*B, V]``
    score:  ``(params, hidden, targets, key=None) -> {"nats": [*B], ...}``; with a key, the score
            is the training loss
    """

    init: Callable[..., Params]
    logits: Callable[[Params, Array], Array]
    score: Callable[..., dict[str, Array]]


def softmax(vocabulary: int, *, tied: bool = False, samples: int = 0) -> Softmax:
    """Return the layer ``p(w) = softmax(W h + b)_w``.

    tied:    use the embedding as W, Press and Wolf (2017)
    samples: number of words that estimate the sum over the vocabulary in training (see
             ``sampled_cross_entropy``); 0 computes the sum, as evaluation always does
    """

    def init(key: jax.Array, embedding: Params, width: int) -> Params:
        if not tied:
            return layer(nnx.Linear, width, vocabulary).init(key)
        size = embedding["embedding"].shape[1] if embedding else 0
        if width != size:
            raise UserError(
                f"tied embeddings: the cell has {width} output features, the embedding {size}; "
                "make them equal"
            )
        return {"bias": jnp.zeros((vocabulary,))}

    weights = partial(_weights, tied)

    def logits(params: Params, hidden: Float[Array, "*B H"]) -> Float[Array, "*B V"]:
        return _linear_logits(hidden, weights(params), params["readout"]["bias"])

    def sampled_nats(params: Params, hidden: Array, targets: Array, key: Array) -> Array:
        bias, words = params["readout"]["bias"], draw_zipf(key, samples, vocabulary)
        target = jnp.sum(hidden * weights(params, targets).T, axis=-1) + bias[targets]
        others = _linear_logits(hidden, weights(params, words), bias[words])
        return sampled_cross_entropy(target, others, targets, words, vocabulary)

    def score(
        params: Params,
        hidden: Float[Array, "*B H"],
        targets: Int[Array, "*B"],
        key: Key[Array, ""] | None = None,
    ) -> dict[str, Array]:
        if key is not None and samples:
            flat = hidden.reshape(-1, hidden.shape[-1])
            nats = sampled_nats(params, flat, targets.reshape(-1), key)
            return {"nats": nats.reshape(targets.shape)}
        z = logits(params, hidden)
        hits = (jnp.argmax(z, axis=-1) == targets).astype(jnp.float32)
        return {"nats": cross_entropy(z, targets), "accuracy": hits}

    return Softmax(init, logits, score)


def _weights(tied: bool, params: Params, tokens: Array | None = None) -> Float[Array, "H K"]:
    """Return the columns of W for some tokens, or for all."""
    if tied:
        table = params["embedding"]["embedding"]
        return (table if tokens is None else table[tokens]).T
    kernel = params["readout"]["kernel"]
    return kernel if tokens is None else kernel[:, tokens]


def _linear_logits(hidden: Array, kernel: Array, bias: Array) -> Array:
    """Return ``h W + b``, computed in h's dtype and accumulated in float32."""
    z = jnp.matmul(hidden, kernel.astype(hidden.dtype), preferred_element_type=jnp.float32)
    return z + broadcast_rows(bias, z)


def draw_zipf(key: Key[Array, ""], samples: int, vocabulary: int) -> Int[Array, "K"]:
    """Draw tokens with replacement from Zipf's law, for a vocabulary in order of frequency.

        q(w) = log((w + 2) / (w + 1)) / log(V + 1)

    This is the log-uniform sampler of sampled softmax.
    """
    u = jax.random.uniform(key, (samples,))
    words = jnp.floor(jnp.exp(u * jnp.log(vocabulary + 1.0))).astype(jnp.int32) - 1
    return jnp.clip(words, 0, vocabulary - 1)


def sampled_cross_entropy(
    target_logits: Float[Array, "B"],
    sampled_logits: Float[Array, "B K"],
    targets: Int[Array, "B"],
    sampled: Int[Array, "K"],
    vocabulary: int,
) -> Float[Array, "B"]:
    """Return softmax cross-entropy in nats, with the partition function estimated from K words.

        log(exp(z_t) + 1/K sum_{k: w_k != t} exp(z_{w_k}) / q(w_k)) - z_t

    The mean of the sum over k is sum_{w != t} exp(z_w).  Bengio and Senecal (2003); Jean et al.
    (2015), arXiv:1412.2007.
    """
    words = sampled.astype(jnp.float32)
    q = jnp.log1p(1.0 / (words + 1.0)) / jnp.log(vocabulary + 1.0)
    weighted = sampled_logits - broadcast_rows(jnp.log(q * float(len(sampled))), sampled_logits)
    is_target = broadcast_rows(words, sampled_logits) == jnp.broadcast_to(
        targets.astype(jnp.float32)[:, None], sampled_logits.shape
    )
    weighted = jnp.where(is_target, -jnp.inf, weighted)
    terms = jnp.concatenate([target_logits[:, None], weighted], axis=-1)
    return jax.nn.logsumexp(terms, axis=-1) - target_logits
