"""What a language model makes of the tokens so far: a recurrence, or a window that forgets.

vocabulary -> number of each word -> one-hot vector or learned embedding -> reader -> softmax
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from seqmodels.flax import layer
from seqmodels.noise import Rate, keep_mask
from seqmodels.types import Array, Carry, Cell, Float, Int, Key, Layer, Params
from seqmodels.unroll import unroll
from seqmodels.wrap import output_size


class Reader(NamedTuple):
    """Tokens in; after each a vector out, from which the next token is predicted.

    init:   ``(key, key) -> {"embedding": ..., "cell": ...}``
    width:  ``(params) -> features of the vectors``
    start:  ``(params, batch_shape) -> carry``
    step:   ``(params, carry, token) -> (carry, vector)``
    unroll: ``(params, tokens, carry, key=None) -> (vectors, carry)``; a key turns on noise
    """

    init: Callable[[jax.Array, jax.Array], Params]
    width: Callable[[Params], int]
    start: Callable[[Params, tuple[int, ...]], Carry]
    step: Callable[[Params, Carry, Array], tuple[Carry, Array]]
    unroll: Callable[..., tuple[Array, Carry]]


def token_vectors(vocabulary: int, size: int, spread: float = 1.0) -> Layer:
    """The learned embedding ``E[x]``, or for size 0 the one-hot vector of x itself."""
    if size:
        normal = jax.nn.initializers.normal(spread)
        return layer(nnx.Embed, vocabulary, size, embedding_init=normal)
    return Layer(lambda key: {}, lambda params, tokens: jax.nn.one_hot(tokens, vocabulary))


def recurrent_reader(
    cell: Cell, vectors: Layer, features: int, token_dropout: Rate | None = None
) -> Reader:
    """A cell (as a rule a stack), whose carry holds all that has been read.

        h_t = cell(h_{t-1}, v(x_t))

    ``token_dropout``: share of the vocabulary whose vectors are zero for one window, Gal and
    Ghahramani (2016).
    """

    def init(key_e: jax.Array, key_c: jax.Array) -> Params:
        return {"embedding": vectors.init(key_e), "cell": cell.init(key_c)}

    def start(params: Params, batch_shape: tuple[int, ...]) -> Carry:
        return cell.start(params["cell"], batch_shape)

    def step(params: Params, carry: Carry, token: Int[Array, "*B"]) -> tuple[Carry, Array]:
        return cell.step(params["cell"], carry, vectors.apply(params["embedding"], token))

    def run(
        params: Params, tokens: Int[Array, "T *B"], carry: Carry, key: Key[Array, ""] | None = None
    ) -> tuple[Float[Array, "T *B H"], Carry]:
        embedding = params["embedding"]
        if key is not None and token_dropout is not None and embedding:
            key, key_own = jax.random.split(key)
            table = embedding["embedding"]
            kept = keep_mask(key_own, token_dropout, (len(table), 1)).astype(table.dtype)
            embedding = {"embedding": table * jnp.broadcast_to(kept, table.shape)}
        seen = vectors.apply(embedding, tokens)
        return unroll(cell, params["cell"], seen, carry, key=key)

    return Reader(init, lambda p: output_size(cell, p["cell"], features), start, step, run)


def window_reader(vocabulary: int, size: int, hidden: int, places: int) -> Reader:
    """The vectors of the last words side by side, Bengio et al. (2003): sees nothing further back.

    h_t = tanh(W [v(x_{t-n+1}), ..., v(x_t)] + b)
    """
    vectors = token_vectors(vocabulary, size)
    dense = layer(nnx.Linear, places * (size or vocabulary), hidden)

    def encode(params: Params, context: Array) -> Array:
        seen = present(vectors.apply(params["embedding"], context), context)
        return jnp.tanh(dense.apply(params["cell"], seen.reshape(*context.shape[:-1], -1)))

    return context_reader(vectors, dense, encode, hidden, places)


def bag_reader(vocabulary: int, size: int, hidden: int, places: int) -> Reader:
    """The mean of the vectors of the last words: knows which they are and not in what order.

    h_t = tanh(W mean_k v(x_{t-k}) + b)
    """
    vectors = token_vectors(vocabulary, size)
    dense = layer(nnx.Linear, size or vocabulary, hidden)

    def encode(params: Params, context: Array) -> Array:
        seen = present(vectors.apply(params["embedding"], context), context)
        count = jnp.sum(context >= 0, axis=-1, keepdims=True).astype(seen.dtype)
        total = jnp.sum(seen, axis=-2)
        return jnp.tanh(dense.apply(params["cell"], total / jnp.broadcast_to(count, total.shape)))

    return context_reader(vectors, dense, encode, hidden, places)


def unshared_reader(vocabulary: int, hidden: int, places: int) -> Reader:
    """A large window, each of its places with weights of its own for every word.

        h_t = tanh(sum_k W_k[x_{t-k}])

    What it learns of a word at one place it does not know at another.
    """
    tables = layer(nnx.Embed, places * vocabulary, hidden)

    def encode(params: Params, context: Array) -> Array:
        place = jnp.broadcast_to(jnp.arange(places, dtype=context.dtype), context.shape)
        seen = tables.apply(params["cell"], place * vocabulary + jnp.maximum(context, 0))
        return jnp.tanh(jnp.sum(present(seen, context), axis=-2))

    return context_reader(Layer(lambda key: {}, lambda p, x: x), tables, encode, hidden, places)


def context_reader(
    vectors: Layer,
    inner: Layer,
    encode: Callable[[Params, Array], Array],
    hidden: int,
    places: int,
) -> Reader:
    """A reader whose carry is the last words themselves, -1 before the first.

    ``encode(params, context [..., places]) -> vectors [..., hidden]``, the newest word last.
    """

    def init(key_e: jax.Array, key_c: jax.Array) -> Params:
        return {"embedding": vectors.init(key_e), "cell": inner.init(key_c)}

    def start(params: Params, batch_shape: tuple[int, ...]) -> Int[Array, "*B N"]:
        return jnp.full((*batch_shape, places - 1), -1, jnp.int32)

    def step(params: Params, carry: Array, token: Int[Array, "*B"]) -> tuple[Array, Array]:
        context = jnp.concatenate([carry, token[..., None].astype(carry.dtype)], axis=-1)
        return context[..., 1:], encode(params, context)

    def run(
        params: Params, tokens: Int[Array, "T *B"], carry: Array, key: object = None
    ) -> tuple[Float[Array, "T *B H"], Array]:
        seen = jnp.concatenate([jnp.moveaxis(carry, -1, 0), tokens.astype(carry.dtype)])
        shifted = [seen[place : place + len(tokens)] for place in range(places)]
        rest = jnp.moveaxis(seen[len(tokens) :], 0, -1)
        return encode(params, jnp.stack(shifted, axis=-1)), rest

    return Reader(init, lambda params: hidden, start, step, run)


def present(vectors: Float[Array, "*B D"], tokens: Int[Array, "*B"]) -> Float[Array, "*B D"]:
    """The vectors, zero where there is no token yet."""
    there = jnp.broadcast_to((tokens >= 0)[..., None], vectors.shape)
    return jnp.where(there, vectors, jnp.zeros_like(vectors))
