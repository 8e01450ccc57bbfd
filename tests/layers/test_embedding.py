"""Embeddings of words and their n-grams, against a sum in float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.data.text.character_ngrams import character_ngrams, ngram_indices
from seqmodels.layers.embedding import ngram_embedding, word_embedding

V, BUCKETS, D = 5, 30, 4


def test_a_word_is_the_sum_of_its_vector_and_the_vectors_of_its_ngrams():
    embedding = ngram_embedding(word_embedding(V, D), word_embedding(BUCKETS + 1, D))
    params = jax.jit(embedding.init)(jax.random.key(0))
    words = ["bad", "badly", "x"]
    numbers = ngram_indices(words, BUCKETS)
    x = np.concatenate([np.array([[1], [2], [0]], np.int32), numbers], axis=1)
    vectors = jax.jit(embedding.apply)(params, jnp.asarray(x))
    tables = jax.tree.map(np.float64, params)
    for row, word in enumerate(words):
        grams = numbers[row][: len(character_ngrams(word))]
        own, shared = tables["words"]["embedding"][x[row, 0]], tables["ngrams"]["embedding"]
        expected = own + shared[grams].sum(axis=0) / np.sqrt(len(grams))
        np.testing.assert_allclose(vectors[row], expected, atol=1e-6)
