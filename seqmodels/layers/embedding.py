"""Word embeddings, which may begin from vectors that were trained elsewhere."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from seqmodels.data.text.vectors import Vectors
from seqmodels.flax import layer
from seqmodels.types import Array, Float, Int, Layer, Params


def word_embedding(
    vocabulary: int, size: int, scale: float = 0.1, load: Callable[[], Vectors] | None = None
) -> Layer:
    """Normal vectors of this scale; ``load`` gives those of some words, scaled to the same.

    It is called when parameters are made, and not when only their shapes are asked for, so that a
    trained model does not need the file any more.
    """
    embedding = layer(nnx.Embed, vocabulary, size, embedding_init=jax.nn.initializers.normal(scale))
    if load is None:
        return embedding

    def fill(table: Array) -> np.ndarray:
        values, rows = load()
        filled = np.array(table)
        filled[rows] = values * (scale / values.std())
        return filled

    def init(key: jax.Array) -> Params:
        table = embedding.init(key)["embedding"]
        filled = jax.pure_callback(
            fill, jax.ShapeDtypeStruct(table.shape, table.dtype), table, vmap_method="sequential"
        )
        return {"embedding": filled}

    return embedding._replace(init=init)


def with_ngrams(words: Layer, ngrams: Layer) -> Layer:
    """A word's own vector and those of its n-grams, which are x[1:]; 0 is none.

        v(x) = E[x_0] + sum_k F[x_k] / sqrt(n),    n = |{k > 0: x_k > 0}|

    Bojanowski et al. (2017), arXiv:1607.04606.
    """

    def init(key: jax.Array) -> Params:
        key_w, key_n = jax.random.split(key)
        return {"words": words.init(key_w), "ngrams": ngrams.init(key_n)}

    def apply(params: Params, x: Int[Array, "*B K"]) -> Float[Array, "*B D"]:
        grams = x[..., 1:]
        vectors = ngrams.apply(params["ngrams"], grams)
        there = (grams > 0).astype(vectors.dtype)
        scale = jax.lax.rsqrt(jnp.maximum(jnp.sum(there, axis=-1), 1.0)).astype(vectors.dtype)
        total = jnp.einsum("...kd,...k->...d", vectors, there) * scale[..., None]
        return words.apply(params["words"], x[..., 0]) + total

    return Layer(init, apply)
