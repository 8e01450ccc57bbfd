import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from seqmodels.data.ragged import Padded, ragged
from seqmodels.flax import layer
from seqmodels.models.classification.bags import (
    bag_of_words,
    last_words,
    linear_bag,
    logistic_accuracy,
    together,
    unshared_words,
)

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


def bag(*texts):
    return {"bag": padded(*texts)["x"]}


def test_a_linear_bag_sums_the_weights_of_what_is_there():
    model = linear_bag(V, C)
    assert not np.any(model.init(KEY)["sparse"])
    weights = np.random.default_rng(0).normal(size=(V, C)).astype(np.float32)
    logits = jax.jit(model.apply)({"sparse": jnp.asarray(weights)}, bag([0, 3, 5], [6], []))
    expected = [weights[[0, 3, 5]].sum(axis=0) / np.sqrt(3), weights[6], np.zeros(C)]
    np.testing.assert_allclose(logits, expected, rtol=1e-6)


def test_models_together_add_their_logits_and_each_has_weights_and_noise_of_its_own():
    first, second = bag_of_words(embedding(), (D, C)), linear_bag(V, C)
    noise = second._replace(
        apply=lambda params, fields, key=None: (
            second.apply(params, fields) + (0.0 if key is None else jax.random.normal(key))
        )
    )
    both, fields = together(first, noise, noise), padded([1, 2]) | bag([1, 2])
    params = both.init(KEY)
    params["1"]["sparse"] += 1.0
    alone = [first.apply(params["0"], fields), second.apply(params["1"], fields)]
    np.testing.assert_allclose(both.apply(params, fields), sum(alone), rtol=1e-6)
    noisy = both.apply(params, fields, KEY) - sum(alone)
    draws = [jax.random.normal(key) for key in jax.random.split(KEY, 3)[1:]]
    np.testing.assert_allclose(noisy, jnp.full((1, C), sum(draws)), rtol=1e-5)


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
