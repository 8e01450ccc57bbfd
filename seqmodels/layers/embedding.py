"""Word embeddings, optionally pretrained or with character n-grams."""

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
    """Return an embedding with normal vectors of standard deviation ``scale``.

    ``load`` returns the pretrained vectors of some words, which are rescaled to the same standard
    deviation.  It is called only when parameters are made, not when their shapes are traced, so
    that a trained model does not need the file.
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


def ngram_embedding(words: Layer, ngrams: Layer) -> Layer:
    """Add the vectors of a word's n-grams to the vector of the word.

        v(x) = E[x_0] + sum_k F[x_k] / sqrt(n),    n = |{k > 0: x_k > 0}|

    x[0] is the index of the word and x[1:] are those of its n-grams, padded with 0.  Bojanowski et
    al. (2017), arXiv:1607.04606.
    """

    def init(key: jax.Array) -> Params:
        key_w, key_n = jax.random.split(key)
        return {"words": words.init(key_w), "ngrams": ngrams.init(key_n)}

    def apply(params: Params, x: Int[Array, "*B K"]) -> Float[Array, "*B D"]:
        grams = x[..., 1:]
        vectors = ngrams.apply(params["ngrams"], grams)
        mask = (grams > 0).astype(vectors.dtype)
        scale = jax.lax.rsqrt(jnp.maximum(jnp.sum(mask, axis=-1), 1.0)).astype(vectors.dtype)
        total = jnp.einsum("...kd,...k->...d", vectors, mask) * scale[..., None]
        return words.apply(params["words"], x[..., 0]) + total

    return Layer(init, apply)
