import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from seqmodels.data.ragged import Padded, ragged
from seqmodels.flax import layer
from seqmodels.models.bags import bag_of_words, last_words, logistic_accuracy, unshared_words

V, D, C = 7, 4, 2
KEY = jax.random.key(0)


def padded(*texts, length=5):
    values = np.array([[*text, *[0] * (length - len(text))] for text in texts], np.int32).T
    mask = np.array([[t < len(text) for text in texts] for t in range(length)])
    return {"x": Padded(jnp.asarray(values), jnp.asarray(mask))}


def same(model, first, second):
    params, apply = jax.jit(model.init)(KEY), jax.jit(model.apply)
    a, b = apply(params, padded(first, second))
    for other in (padded([], second), padded([], second, length=7)):
        np.testing.assert_allclose(b, apply(params, other)[1], atol=1e-5)  # no leak from either
    return np.allclose(a, b, atol=1e-5)


def embedding():
    return layer(nnx.Embed, V, D)


def test_a_bag_knows_words_and_no_order():
    model = bag_of_words(embedding(), (D, 8, C))
    assert same(model, [1, 2, 3, 2], [2, 3, 2, 1])
    assert not same(model, [1, 2, 3, 2], [2, 3, 3, 1])


def test_a_window_sees_the_last_words_alone():
    model = last_words(embedding(), 2, (D, 8, C))
    assert same(model, [1, 5, 2, 3], [6, 2, 3])
    assert not same(model, [1, 5, 2, 3], [1, 5, 3, 2])
    assert not same(model, [3], [2, 3])


def test_without_shared_weights_a_word_is_another_at_every_place():
    model = unshared_words(V, 3, (8, C))
    assert same(model, [1, 2, 3, 4], [1, 2, 3, 5, 6])  # past the last place nothing is read
    assert not same(model, [1, 2, 3], [2, 1, 3])
    assert not same(model, [1], [0, 1])


def test_logistic_regression_agrees_with_scikit_learn_and_changes_no_text():
    random = np.random.default_rng(0)
    texts = [random.integers(0, 20, random.integers(1, 9)) for _ in range(300)]
    labels = np.array([int((text < 6).sum() > (text > 13).sum()) for text in texts])
    train, held_out = ragged(texts[:200]), ragged(texts[200:])
    found = logistic_accuracy(train, labels[:200], held_out, labels[200:])
    np.testing.assert_array_equal(train.values, np.concatenate(texts[:200]))
    np.testing.assert_array_equal(held_out.values, np.concatenate(texts[200:]))

    strings = [" ".join(map(str, text)) for text in texts]
    count = CountVectorizer(binary=True, token_pattern=r"\d+").fit(strings[:200])
    model = LogisticRegression(max_iter=1000).fit(count.transform(strings[:200]), labels[:200])
    assert abs(found - model.score(count.transform(strings[200:]), labels[200:])) < 0.03
