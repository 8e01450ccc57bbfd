import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import random_normal
from sklearn.metrics import log_loss

from seqmodels.losses.classification import cross_entropy, masked_sum


@pytest.fixture
def batch():
    labels = np.random.default_rng(0).integers(5, size=(4, 3))
    return 3.0 * random_normal(4, 3, 5), jnp.asarray(labels, jnp.int32)


def test_cross_entropy_equals_the_log_loss_of_scikit_learn(batch):
    logits, labels = batch
    exact = np.asarray(logits, np.float64).reshape(-1, 5)
    shares = np.exp(exact) / np.exp(exact).sum(axis=1, keepdims=True)
    expected = log_loss(np.ravel(labels), shares, labels=range(5))
    np.testing.assert_allclose(cross_entropy(logits, labels).mean(), expected, rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.3, jnp.float32(0.3), jnp.float32(0.0)])
def test_smoothing_moves_the_target_towards_uniform(batch, smoothing):
    logits, labels = batch
    targets = (1 - smoothing) * jax.nn.one_hot(labels, 5) + smoothing / 5
    expected = -(targets * jax.nn.log_softmax(logits)).sum(axis=-1)
    loss = cross_entropy(logits, labels, smoothing)
    np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-6)


def test_bfloat16_logits_are_summed_in_float32():
    logits = jnp.zeros((1, 50_000), jnp.bfloat16)
    loss = cross_entropy(logits, jnp.zeros(1, jnp.int32))
    assert loss.dtype == jnp.float32
    np.testing.assert_allclose(loss, np.log(50_000), rtol=1e-6)


def test_masked_values_affect_neither_the_sum_nor_its_gradient():
    mask = jnp.array([True, False, True])

    def mean(values):
        return masked_sum(values, mask).mean

    values = jnp.array([1.0, jnp.inf, 5.0])
    assert mean(values) == 3.0
    np.testing.assert_array_equal(jax.grad(mean)(values), [0.5, 0.0, 0.5])
    assert masked_sum(values, jnp.zeros(3, bool)).mean == 0.0
    assert masked_sum(jnp.ones((2, 3))).weight == 6.0
