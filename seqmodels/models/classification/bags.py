"""Text classifiers without a recurrence: baselines and parts of larger models."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from scipy.sparse import csr_matrix

from seqmodels.data.ragged import Ragged
from seqmodels.data.text.labelled_fields import without_ngrams
from seqmodels.flax import layer
from seqmodels.layers.mlp import mlp
from seqmodels.layers.pooling import pool_mean
from seqmodels.models.classification.classifier import Classifier, Fields
from seqmodels.types import Array, Layer, Params


def padded_words(fields: Fields) -> tuple[Array, Array]:
    """Return the padded words of a batch and their mask."""
    return jnp.asarray(fields["x"].values), jnp.asarray(fields["x"].mask)


def bag_of_words(embedding: Layer, sizes: Sequence[int]) -> Classifier:
    """Return a classifier of the mean embedding, independent of the order of the words."""
    head = mlp(sizes)

    def init(key: jax.Array) -> Params:
        keys = jax.random.split(key)
        return {"embedding": embedding.init(keys[0]), "head": head.init(keys[1])}

    def apply(params: Params, fields: Fields, key: Any = None) -> Array:
        xs, mask = padded_words(fields)
        return head.apply(params["head"], pool_mean(embedding.apply(params["embedding"], xs), mask))

    return Classifier(init, apply)


def last_words(embedding: Layer, window: int, sizes: Sequence[int]) -> Classifier:
    """Return a classifier of the concatenated embeddings of the last ``window`` words.

    Positions before the beginning of a text are zero.

    sizes: size of the embedding, hidden layers, classes
    """
    head = mlp([window * sizes[0], *sizes[1:]])

    def init(key: jax.Array) -> Params:
        keys = jax.random.split(key)
        return {"embedding": embedding.init(keys[0]), "head": head.init(keys[1])}

    def apply(params: Params, fields: Fields, key: Any = None) -> Array:
        xs, mask = padded_words(fields)
        lengths = jnp.sum(mask, axis=0, dtype=jnp.int32)
        places = lengths[None] - 1 - jnp.arange(window, dtype=jnp.int32)[:, None]
        vectors = embedding.apply(params["embedding"], xs)
        clipped = jnp.clip(places, 0, xs.shape[0] - 1)[..., None]
        vectors = jnp.take_along_axis(vectors, clipped, axis=0)
        vectors = jnp.where((places >= 0)[..., None], vectors, jnp.zeros_like(vectors))
        flat = jnp.moveaxis(vectors, 0, 1).reshape(xs.shape[1], -1)
        return head.apply(params["head"], flat)

    return Classifier(init, apply)


def unshared_words(vocabulary: int, places: int, sizes: Sequence[int]) -> Classifier:
    """Return a classifier of the first words with separate weights for every position.

        h = sum_t W_t[x_t],    p(class) = softmax(MLP(relu(h)))

    It does not generalize from one position of a word to another.
    """
    table, head = layer(nnx.Embed, places * vocabulary, sizes[0]), mlp(sizes)

    def init(key: jax.Array) -> Params:
        keys = jax.random.split(key)
        return {"table": table.init(keys[0]), "head": head.init(keys[1])}

    def apply(params: Params, fields: Fields, key: Any = None) -> Array:
        xs, mask = padded_words(fields)
        xs = xs[..., 0] if xs.ndim > 2 else xs  # a word without its n-grams
        xs, mask = xs[:places], mask[:places]
        rows = jnp.arange(xs.shape[0], dtype=xs.dtype)[:, None] * vocabulary + xs
        vectors = table.apply(params["table"], rows)
        total = jnp.sum(jnp.where(mask[..., None], vectors, jnp.zeros_like(vectors)), axis=0)
        return head.apply(params["head"], jax.nn.relu(total))

    return Classifier(init, apply)


def linear_bag(buckets: int, classes: int) -> Classifier:
    """Return logistic regression on ``fields["bag"]``, the hashed features of a text.

        logits = sum_{k in bag} W_k / sqrt(n),    n = |bag|

    W starts at 0. It is named ``sparse``, by which the optimizer recognizes weights of rare
    features.
    """

    def init(key: jax.Array) -> Params:
        return {"sparse": jnp.zeros((buckets, classes))}

    def apply(params: Params, fields: Fields, key: Any = None) -> Array:
        features, mask = fields["bag"]
        present = jnp.asarray(mask, params["sparse"].dtype)
        scale = jax.lax.rsqrt(jnp.maximum(jnp.sum(present, axis=0), 1.0))
        return jnp.einsum("tbv,tb,b->bv", params["sparse"][features], present, scale)

    return Classifier(init, apply)


def sum_of_logits(*models: Classifier) -> Classifier:
    """Return a classifier whose logits are the sum of several models' logits.

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


def logistic_accuracy(train: Fields, *others: Fields) -> list[float]:
    """Return the accuracy of logistic regression on the set of words, on each other split."""
    from sklearn.linear_model import LogisticRegression

    texts = [without_ngrams(fields["x"]) for fields in (train, *others)]
    width = max(int(part.values.max()) for part in texts) + 1
    xs, *inputs = (_presence(part, width) for part in texts)
    model = LogisticRegression(max_iter=1000).fit(xs, train["label"])
    return [float(model.score(x, y["label"])) for x, y in zip(inputs, others, strict=True)]


def _presence(texts: Ragged, width: int) -> csr_matrix:
    ones = np.ones(len(texts.values), np.float32)
    shape = len(texts.offsets) - 1, width
    # Copied, because summing duplicates sorts the words in place.
    counts = csr_matrix((ones, texts.values, texts.offsets), shape, copy=True)
    counts.sum_duplicates()
    counts.data[:] = 1.0
    return counts
