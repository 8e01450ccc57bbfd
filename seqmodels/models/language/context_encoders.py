"""Encoders of the preceding tokens: a recurrent network, or a window of the last few tokens.

A language model is an encoder followed by a softmax over the vocabulary.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from seqmodels.flax import layer
from seqmodels.noise import Rate, dropout_mask
from seqmodels.types import Array, Carry, Cell, Float, Int, Key, Layer, Params
from seqmodels.unroll import unroll
from seqmodels.wrap_io import output_size


class ContextEncoder(NamedTuple):
    """Tokens in; after each token, a vector from which the next token is predicted.

    init:   ``(embedding_key, cell_key) -> {"embedding": ..., "cell": ...}``
    width:  ``(params) -> size of the vectors``
    start:  ``(params, batch_shape) -> carry``
    step:   ``(params, carry, token) -> (carry, vector)``
    unroll: ``(params, tokens, carry, key=None) -> (vectors, carry)``; a key turns on noise
    """

    init: Callable[[jax.Array, jax.Array], Params]
    width: Callable[[Params], int]
    start: Callable[[Params, tuple[int, ...]], Carry]
    step: Callable[[Params, Carry, Array], tuple[Carry, Array]]
    unroll: Callable[..., tuple[Array, Carry]]


def token_embedding(vocabulary: int, size: int, scale: float = 1.0) -> Layer:
    """Return a learned embedding, normal with this scale, or one-hot vectors if ``size`` is 0."""
    if size:
        normal = jax.nn.initializers.normal(scale)
        return layer(nnx.Embed, vocabulary, size, embedding_init=normal)
    return Layer(lambda key: {}, lambda params, tokens: jax.nn.one_hot(tokens, vocabulary))


def recurrent_encoder(
    cell: Cell, embedding: Layer, size: int, token_dropout: Rate | None = None
) -> ContextEncoder:
    """Return an encoder whose carry is that of a cell, usually a stack of layers.

        h_t = cell(h_{t-1}, E[x_t])

    size:          size of the embedding
    token_dropout: fraction of the vocabulary whose embeddings are set to zero, with one mask per
                   window. Gal and Ghahramani (2016), arXiv:1512.05287.
    """

    def init(embedding_key: jax.Array, cell_key: jax.Array) -> Params:
        return {"embedding": embedding.init(embedding_key), "cell": cell.init(cell_key)}

    def start(params: Params, batch_shape: tuple[int, ...]) -> Carry:
        return cell.start(params["cell"], batch_shape)

    def step(params: Params, carry: Carry, token: Int[Array, "*B"]) -> tuple[Carry, Array]:
        return cell.step(params["cell"], carry, embedding.apply(params["embedding"], token))

    def run(
        params: Params, tokens: Int[Array, "T *B"], carry: Carry, key: Key[Array, ""] | None = None
    ) -> tuple[Float[Array, "T *B H"], Carry]:
        table = params["embedding"]
        if key is not None and token_dropout is not None and table:
            key, key_tokens = jax.random.split(key)
            table = drop_tokens(table, token_dropout, key_tokens)
        xs = embedding.apply(table, tokens)
        return unroll(cell, params["cell"], xs, carry, key=key)

    return ContextEncoder(
        init, lambda params: output_size(cell, params["cell"], size), start, step, run
    )


def drop_tokens(params: Params, rate: Rate, key: Key[Array, ""]) -> Params:
    """Set whole rows of an embedding to zero at this rate, and scale up the others."""
    table = params["embedding"]
    mask = dropout_mask(key, rate, (len(table), 1)).astype(table.dtype)
    return {"embedding": table * jnp.broadcast_to(mask, table.shape)}


def window_encoder(vocabulary: int, size: int, hidden: int, window: int) -> ContextEncoder:
    """Return an encoder of the last ``window`` tokens, their embeddings concatenated.

        h_t = tanh(W [E[x_{t-n+1}], ..., E[x_t]] + b)

    Bengio et al. (2003), "A neural probabilistic language model".
    """
    embedding = token_embedding(vocabulary, size)
    dense = layer(nnx.Linear, window * (size or vocabulary), hidden)

    def encode(params: Params, context: Array) -> Array:
        xs = zero_absent(embedding.apply(params["embedding"], context), context)
        return jnp.tanh(dense.apply(params["cell"], xs.reshape(*context.shape[:-1], -1)))

    return last_tokens_encoder(embedding, dense, encode, hidden, window)


def bag_encoder(vocabulary: int, size: int, hidden: int, window: int) -> ContextEncoder:
    """Return an encoder of the last ``window`` tokens without their order.

    h_t = tanh(W mean_k E[x_{t-k}] + b)
    """
    embedding = token_embedding(vocabulary, size)
    dense = layer(nnx.Linear, size or vocabulary, hidden)

    def encode(params: Params, context: Array) -> Array:
        xs = zero_absent(embedding.apply(params["embedding"], context), context)
        count = jnp.sum(context >= 0, axis=-1, keepdims=True).astype(xs.dtype)
        total = jnp.sum(xs, axis=-2)
        return jnp.tanh(dense.apply(params["cell"], total / jnp.broadcast_to(count, total.shape)))

    return last_tokens_encoder(embedding, dense, encode, hidden, window)


def unshared_encoder(vocabulary: int, hidden: int, window: int) -> ContextEncoder:
    """Return an encoder of the last ``window`` tokens with separate weights per position.

        h_t = tanh(sum_k W_k[x_{t-k}])

    What it learns about a token in one position does not transfer to the other positions.
    """
    tables = layer(nnx.Embed, window * vocabulary, hidden)

    def encode(params: Params, context: Array) -> Array:
        position = jnp.broadcast_to(jnp.arange(window, dtype=context.dtype), context.shape)
        xs = tables.apply(params["cell"], position * vocabulary + jnp.maximum(context, 0))
        return jnp.tanh(jnp.sum(zero_absent(xs, context), axis=-2))

    no_embedding = Layer(lambda key: {}, lambda params, x: x)
    return last_tokens_encoder(no_embedding, tables, encode, hidden, window)


def last_tokens_encoder(
    embedding: Layer,
    inner: Layer,
    encode: Callable[[Params, Array], Array],
    hidden: int,
    window: int,
) -> ContextEncoder:
    """Return an encoder whose carry is the last tokens themselves, -1 before the first one.

    encode: ``(params, context [..., window]) -> vectors [..., hidden]``, the newest token last
    """

    def init(embedding_key: jax.Array, cell_key: jax.Array) -> Params:
        return {"embedding": embedding.init(embedding_key), "cell": inner.init(cell_key)}

    def start(params: Params, batch_shape: tuple[int, ...]) -> Int[Array, "*B N"]:
        return jnp.full((*batch_shape, window - 1), -1, jnp.int32)

    def step(params: Params, carry: Array, token: Int[Array, "*B"]) -> tuple[Array, Array]:
        context = jnp.concatenate([carry, token[..., None].astype(carry.dtype)], axis=-1)
        return context[..., 1:], encode(params, context)

    def run(
        params: Params, tokens: Int[Array, "T *B"], carry: Array, key: object = None
    ) -> tuple[Float[Array, "T *B H"], Array]:
        text = jnp.concatenate([jnp.moveaxis(carry, -1, 0), tokens.astype(carry.dtype)])
        shifted = [text[position : position + len(tokens)] for position in range(window)]
        last = jnp.moveaxis(text[len(tokens) :], 0, -1)
        return encode(params, jnp.stack(shifted, axis=-1)), last

    return ContextEncoder(init, lambda params: hidden, start, step, run)


def zero_absent(vectors: Float[Array, "*B D"], tokens: Int[Array, "*B"]) -> Float[Array, "*B D"]:
    """Set the vectors of absent tokens, those below zero, to zero."""
    present = jnp.broadcast_to((tokens >= 0)[..., None], vectors.shape)
    return jnp.where(present, vectors, jnp.zeros_like(vectors))
