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
    sum_of_logits,
    unshared_words,
)

V, D, C = 7, 4, 2
KEY = jax.random.key(0)


def padded(*texts, length=5):
    values = np.array([[*text, *[0] * (length - len(text))] for text in texts], np.int32).T
    mask = np.array([[t < len(text) for text in texts] for t in range(length)])
    return {"x": Padded(jnp.asarray(values), jnp.asarray(mask))}


def has_equal_logits(model, first, second):
    """Return whether two texts have the same logits; padding and other texts must not matter."""
    params, apply = jax.jit(model.init)(KEY), jax.jit(model.apply)
    a, b = apply(params, padded(first, second))
    for other in (padded([], second), padded([], second, length=7)):
        np.testing.assert_allclose(b, apply(params, other)[1], atol=1e-5)
    return np.allclose(a, b, atol=1e-5)


def embedding():
    return layer(nnx.Embed, V, D)


def test_bag_of_words_depends_on_the_words_but_not_on_their_order():
    model = bag_of_words(embedding(), (D, 8, C))
    assert has_equal_logits(model, [1, 2, 3, 2], [2, 3, 2, 1])
    assert not has_equal_logits(model, [1, 2, 3, 2], [2, 3, 3, 1])


def test_window_reads_the_last_words_only():
    model = last_words(embedding(), 2, (D, 8, C))
    assert has_equal_logits(model, [1, 5, 2, 3], [6, 2, 3])
    assert not has_equal_logits(model, [1, 5, 2, 3], [1, 5, 3, 2])
    assert not has_equal_logits(model, [3], [2, 3])


def test_unshared_weights_depend_on_the_position_of_a_word():
    model = unshared_words(V, 3, (8, C))
    assert has_equal_logits(model, [1, 2, 3, 4], [1, 2, 3, 5, 6])  # reads three words
    assert not has_equal_logits(model, [1, 2, 3], [2, 1, 3])
    assert not has_equal_logits(model, [1], [0, 1])


def feature_bag(*texts):
    return {"bag": padded(*texts)["x"]}


def test_linear_bag_sums_the_weights_of_the_features():
    model = linear_bag(V, C)
    assert not np.any(model.init(KEY)["sparse"])
    weights = np.random.default_rng(0).normal(size=(V, C)).astype(np.float32)
    bags = feature_bag([0, 3, 5], [6], [])
    logits = jax.jit(model.apply)({"sparse": jnp.asarray(weights)}, bags)
    expected = [weights[[0, 3, 5]].sum(axis=0) / np.sqrt(3), weights[6], np.zeros(C)]
    np.testing.assert_allclose(logits, expected, rtol=1e-6)


def test_sum_of_logits_has_separate_weights_and_noise():
    first, second = bag_of_words(embedding(), (D, C)), linear_bag(V, C)
    noise = second._replace(
        apply=lambda params, fields, key=None: (
            second.apply(params, fields) + (0.0 if key is None else jax.random.normal(key))
        )
    )
    both, fields = sum_of_logits(first, noise, noise), padded([1, 2]) | feature_bag([1, 2])
    params = jax.jit(both.init)(KEY)
    params["1"]["sparse"] += 1.0

    @jax.jit
    def logits(params):
        alone = [first.apply(params["0"], fields), second.apply(params["1"], fields)]
        draws = [jax.random.normal(key) for key in jax.random.split(KEY, 3)[1:]]
        together = both.apply(params, fields), both.apply(params, fields, KEY)
        return sum(alone), sum(draws), *together

    alone, draws, quiet, noisy = logits(params)
    np.testing.assert_allclose(quiet, alone, rtol=1e-6)
    np.testing.assert_allclose(noisy - alone, np.full((1, C), draws), rtol=1e-5)


def test_logistic_regression_agrees_with_scikit_learn_and_leaves_the_texts_unchanged():
    random = np.random.default_rng(0)
    texts = [random.integers(0, 20, random.integers(1, 9)) for _ in range(300)]
    labels = np.array([int((text < 6).sum() > (text > 13).sum()) for text in texts])
    train = {"x": ragged(texts[:200]), "label": labels[:200]}
    held_out = {"x": ragged(texts[200:]), "label": labels[200:]}
    found, again = logistic_accuracy(train, held_out, held_out)
    assert found == again
    np.testing.assert_array_equal(train["x"].values, np.concatenate(texts[:200]))
    np.testing.assert_array_equal(held_out["x"].values, np.concatenate(texts[200:]))

    strings = [" ".join(map(str, text)) for text in texts]
    count = CountVectorizer(binary=True, token_pattern=r"\d+").fit(strings[:200])
    model = LogisticRegression(max_iter=1000).fit(count.transform(strings[:200]), labels[:200])
    assert abs(found - model.score(count.transform(strings[200:]), labels[200:])) < 0.03
