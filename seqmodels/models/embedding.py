"""Word embeddings, which may begin from vectors that were trained elsewhere."""

from collections.abc import Callable

import jax
import numpy as np
from flax import nnx

from seqmodels.data.vectors import Vectors
from seqmodels.flax import layer
from seqmodels.types import Array, Layer, Params


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
