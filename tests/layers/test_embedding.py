from zlib import crc32

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.data.text.character_ngrams import MOST, ngram_numbers, ngrams
from seqmodels.data.text.labelled import Example
from seqmodels.data.text.labelled_fields import text_extras, text_fields
from seqmodels.layers.embedding import with_ngrams, word_embedding
from seqmodels.models.classification.config import TextConfig
from seqmodels.models.classification.texts import text_embedding

V, B, D = 5, 30, 4


def test_a_word_is_its_vector_and_those_of_its_ngrams():
    embedding = with_ngrams(word_embedding(V, D), word_embedding(B + 1, D))
    params = embedding.init(jax.random.key(0))
    words = ["bad", "badly", "x"]
    numbers = ngram_numbers(words, B)
    x = np.concatenate([np.array([[1], [2], [0]], np.int32), numbers], axis=1)
    found = embedding.apply(params, jnp.asarray(x))
    tables = jax.tree.map(np.float64, params)
    for row, word in enumerate(words):
        grams = numbers[row][: len(ngrams(word))]
        own, shared = tables["words"]["embedding"][x[row, 0]], tables["ngrams"]["embedding"]
        expected = own + shared[grams].sum(axis=0) / np.sqrt(len(grams))
        np.testing.assert_allclose(found[row], expected, atol=1e-6)


def test_relatives_share_ngrams_and_long_words_have_no_more_than_fit():
    first, second, other = map(set, ngram_numbers(["movingly", "unmoving", "quartz"], 10**6))
    assert len(first & second - {0}) >= 6
    assert not first & other - {0}
    assert ngram_numbers(["a" * 100], B).shape == (1, MOST)
    assert (ngram_numbers(["a" * 100], B) > 0).all()
    assert ngram_numbers([], B).shape == (0, MOST)


def test_a_name_is_its_word_with_the_ngrams_of_a_capital():
    texts = [Example("Mark may mark May", "a")]
    extras = text_extras(texts, "words", 1)
    x = text_fields(texts, extras, "words", 9, ngrams=10**6)["x"].values
    np.testing.assert_array_equal(x[0, 0], x[2, 0])
    assert [1 + crc32(gram) % 10**6 in x[0] for gram in (b"<Ma", b"<ma")] == [True, False]
    assert [1 + crc32(gram) % 10**6 in x[2] for gram in (b"<Ma", b"<ma")] == [False, True]


def test_vectors_from_outside_are_where_training_begins(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("good 1 2\nbad -1 -2\n")
    extras = {"vocabulary": {"symbols": ["<unk>", "good", "bad", "film"]}}
    embedding = text_embedding(TextConfig(embedding=2, vectors=str(path)), extras)
    table = embedding.init(jax.random.key(0))["embedding"]
    np.testing.assert_allclose(table[1], -table[2], rtol=1e-6)
    assert table[1, 1] / table[1, 0] == pytest.approx(2.0)
    path.unlink()  # a trained model needs the shapes alone
    assert jax.eval_shape(embedding.init, jax.random.key(0))["embedding"].shape == (4, 2)
