"""Answers from words without a recurrence: what a classifier of sequences has to beat."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Int
from scipy.sparse import csr_matrix

from seqmodels.data.ragged import Ragged
from seqmodels.flax import layer
from seqmodels.layers.mlp import mlp
from seqmodels.layers.pooling import mean
from seqmodels.models.classification.classifier import Classifier, Fields
from seqmodels.types import Array, Layer, Params


def words(fields: Fields) -> tuple[Array, Array]:
    """The padded words of a batch and their mask."""
    return jnp.asarray(fields["x"].values), jnp.asarray(fields["x"].mask)


def bag_of_words(embedding: Layer, sizes: Sequence[int]) -> Classifier:
    """The mean of the embeddings, then a perceptron of these ``sizes``: knows no order."""
    head = mlp(sizes)

    def init(key: jax.Array) -> Params:
        keys = jax.random.split(key)
        return {"embedding": embedding.init(keys[0]), "head": head.init(keys[1])}

    def apply(params: Params, fields: Fields, key: Any = None) -> Array:
        xs, mask = words(fields)
        return head.apply(params["head"], mean(embedding.apply(params["embedding"], xs), mask))

    return Classifier(init, apply)


def last_words(embedding: Layer, window: int, sizes: Sequence[int]) -> Classifier:
    """The embeddings of the last few words side by side: sees nothing further back.

    A place before the beginning of a text is zero; ``sizes`` begin with the embedding's.
    """
    head = mlp([window * sizes[0], *sizes[1:]])

    def init(key: jax.Array) -> Params:
        keys = jax.random.split(key)
        return {"embedding": embedding.init(keys[0]), "head": head.init(keys[1])}

    def apply(params: Params, fields: Fields, key: Any = None) -> Array:
        xs, mask = words(fields)
        lengths = jnp.sum(mask, axis=0, dtype=jnp.int32)
        places = lengths[None] - 1 - jnp.arange(window, dtype=jnp.int32)[:, None]
        vectors = embedding.apply(params["embedding"], xs)
        near = jnp.clip(places, 0, xs.shape[0] - 1)[..., None]
        vectors = jnp.take_along_axis(vectors, near, axis=0)
        vectors = jnp.where((places >= 0)[..., None], vectors, jnp.zeros_like(vectors))
        flat = jnp.moveaxis(vectors, 0, 1).reshape(xs.shape[1], -1)
        return head.apply(params["head"], flat)

    return Classifier(init, apply)


def unshared_words(vocabulary: int, places: int, sizes: Sequence[int]) -> Classifier:
    """One very large window, each of its places with weights of its own for every word.

        h = sum_t W_t[x_t],    p(class) = softmax(MLP(relu(h)))

    What it learns of a word at one place it does not know at another; words past the last place
    are not read.
    """
    table, head = layer(nnx.Embed, places * vocabulary, sizes[0]), mlp(sizes)

    def init(key: jax.Array) -> Params:
        keys = jax.random.split(key)
        return {"table": table.init(keys[0]), "head": head.init(keys[1])}

    def apply(params: Params, fields: Fields, key: Any = None) -> Array:
        xs, mask = words(fields)
        xs = xs[..., 0] if xs.ndim > 2 else xs  # a word without its n-grams
        xs, mask = xs[:places], mask[:places]
        rows = jnp.arange(xs.shape[0], dtype=xs.dtype)[:, None] * vocabulary + xs
        vectors = table.apply(params["table"], rows)
        total = jnp.sum(jnp.where(mask[..., None], vectors, jnp.zeros_like(vectors)), axis=0)
        return head.apply(params["head"], jax.nn.relu(total))

    return Classifier(init, apply)


def linear_bag(buckets: int, classes: int) -> Classifier:
    """Logistic regression on ``fields["bag"]``, the numbers of what a text holds.

        logits = sum_{k in bag} W_k / sqrt(n),    W = 0 at first

    Most of it is rare: the weights' name tells the optimizer so.
    """

    def init(key: jax.Array) -> Params:
        return {"sparse": jnp.zeros((buckets, classes))}

    def apply(params: Params, fields: Fields, key: Any = None) -> Array:
        numbers, mask = fields["bag"]
        there = jnp.asarray(mask, params["sparse"].dtype)
        scale = jax.lax.rsqrt(jnp.maximum(jnp.sum(there, axis=0), 1.0))
        return jnp.einsum("tbv,tb,b->bv", params["sparse"][numbers], there, scale)

    return Classifier(init, apply)


def together(*models: Classifier) -> Classifier:
    """The sum of several models' logits, trained as one.

    Cheng et al. (2016), "Wide & deep learning for recommender systems", arXiv:1606.07792.
    """

    def init(key: jax.Array) -> Params:
        keys = jax.random.split(key, len(models))
        return {str(i): m.init(k) for i, (m, k) in enumerate(zip(models, keys, strict=True))}

    def apply(params: Params, fields: Fields, key: jax.Array | None = None) -> Array:
        keys = [None] * len(models) if key is None else jax.random.split(key, len(models))
        pairs = enumerate(zip(models, keys, strict=True))
        return reduce(add, (m.apply(params[str(i)], fields, k) for i, (m, k) in pairs))

    return Classifier(init, apply)


def logistic_accuracy(
    train: Ragged, train_labels: Int[np.ndarray, "N"], held_out: Ragged, labels: np.ndarray
) -> float:
    """Accuracy of logistic regression on which words a text has; the least work that counts."""
    from sklearn.linear_model import LogisticRegression

    width = int(max(train.values.max(), held_out.values.max())) + 1
    model = LogisticRegression(max_iter=1000).fit(_presence(train, width), train_labels)
    return float(model.score(_presence(held_out, width), labels))


def _presence(texts: Ragged, width: int) -> csr_matrix:
    ones = np.ones(len(texts.values), np.float32)
    shape = len(texts.offsets) - 1, width
    # Copied, because summing duplicates sorts the words in place.
    counts = csr_matrix((ones, texts.values, texts.offsets), shape, copy=True)
    counts.sum_duplicates()
    counts.data[:] = 1.0
    return counts
