"""The output layer of a language model: a softmax over all words, or over a sample in training."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from seqmodels.cells.build import rows
from seqmodels.errors import UserError
from seqmodels.flax import layer
from seqmodels.losses.classification import cross_entropy
from seqmodels.types import Array, Float, Int, Key, Params


class Softmax(NamedTuple):
    """Vectors in, how likely each token is out; it reads the parameters of the whole model.

    init:   ``(key, embedding params, width) -> params["readout"]``
    logits: ``(params, hidden) -> logits [*B, V]``
    score:  ``(params, hidden, targets, key=None) -> {"nats": [*B], ...}``; a key is for training
    """

    init: Callable[..., Params]
    logits: Callable[[Params, Array], Array]
    score: Callable[..., dict[str, Array]]


def softmax(vocabulary: int, *, tied: bool = False, samples: int = 0) -> Softmax:
    """``p(w) = softmax(W h + b)_w``; ``tied``: W is the embedding, Press and Wolf (2017).

    ``samples``: words drawn in training, with which the sum over the vocabulary is estimated (see
    ``sampled_nats``); evaluation always sums over all.
    """

    def init(key: jax.Array, embedding: Params, width: int) -> Params:
        if not tied:
            return layer(nnx.Linear, width, vocabulary).init(key)
        size = embedding["embedding"].shape[1] if embedding else 0
        if width != size:
            raise UserError(
                f"tied embeddings: the cell puts out {width} features, the embedding has {size}; "
                "make them equal"
            )
        return {"bias": jnp.zeros((vocabulary,))}

    def weights(params: Params, tokens: Array | None = None) -> Array:
        """The columns of W for some tokens, ``[H, K]``, or all."""
        if tied:
            table = params["embedding"]["embedding"]
            return (table if tokens is None else table[tokens]).T
        kernel = params["readout"]["kernel"]
        return kernel if tokens is None else kernel[:, tokens]

    def logits(params: Params, hidden: Float[Array, "*B H"]) -> Float[Array, "*B V"]:
        return project(hidden, weights(params), params["readout"]["bias"])

    def score(
        params: Params,
        hidden: Float[Array, "*B H"],
        targets: Int[Array, "*B"],
        key: Key[Array, ""] | None = None,
    ) -> dict[str, Array]:
        if key is not None and samples:
            bias, drawn = params["readout"]["bias"], log_uniform(key, samples, vocabulary)
            flat, aims = hidden.reshape(-1, hidden.shape[-1]), targets.reshape(-1)
            right = jnp.sum(flat * weights(params, aims).T, axis=-1) + bias[aims]
            others = project(flat, weights(params, drawn), bias[drawn])
            nats = sampled_nats(right, others, aims, drawn, vocabulary)
            return {"nats": nats.reshape(targets.shape)}
        z = logits(params, hidden)
        hits = (jnp.argmax(z, axis=-1) == targets).astype(jnp.float32)
        return {"nats": cross_entropy(z, targets), "accuracy": hits}

    return Softmax(init, logits, score)


def project(hidden: Array, kernel: Array, bias: Array) -> Array:
    """``h W + b`` in h's dtype, summed in float32."""
    z = jnp.matmul(hidden, kernel.astype(hidden.dtype), preferred_element_type=jnp.float32)
    return z + rows(bias, z)


def log_uniform(key: Key[Array, ""], samples: int, vocabulary: int) -> Int[Array, "K"]:
    """Tokens drawn by Zipf's law, with replacement; a vocabulary lists frequent words first.

    q(w) = log((w + 2) / (w + 1)) / log(V + 1)
    """
    u = jax.random.uniform(key, (samples,))
    drawn = jnp.floor(jnp.exp(u * jnp.log(vocabulary + 1.0))).astype(jnp.int32) - 1
    return jnp.clip(drawn, 0, vocabulary - 1)


def sampled_nats(
    right: Float[Array, "B"],
    others: Float[Array, "B K"],
    targets: Int[Array, "B"],
    drawn: Int[Array, "K"],
    vocabulary: int,
) -> Float[Array, "B"]:
    """Softmax cross-entropy in nats, its partition function estimated from K drawn words.

        log(exp(z_t) + 1/K sum_{k: w_k != t} exp(z_{w_k}) / q(w_k)) - z_t

    The sum over k has the mean sum_{w != t} exp(z_w).  Bengio and Senecal (2003); Jean et al.
    (2015), arXiv:1412.2007.
    """
    word = drawn.astype(jnp.float32)
    q = jnp.log1p(1.0 / (word + 1.0)) / jnp.log(vocabulary + 1.0)
    weighed = others - rows(jnp.log(q * float(len(drawn))), others)
    same = rows(drawn.astype(jnp.float32), others) == jnp.broadcast_to(
        targets.astype(jnp.float32)[:, None], others.shape
    )
    weighed = jnp.where(same, -jnp.inf, weighed)
    return jax.nn.logsumexp(jnp.concatenate([right[:, None], weighed], axis=-1), axis=-1) - right
