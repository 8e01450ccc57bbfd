import jax
import jax.numpy as jnp
import numpy as np

from experiments.categories.hierarchy import (
    class_levels,
    coarse_logsumexp,
    fine_log_probabilities,
    level_metrics,
)

PARENTS = np.array([1, 0, 1, 2, 1])
LOG_PROBABILITIES = jax.jit(lambda logits: fine_log_probabilities(logits, PARENTS))


def test_fine_and_coarse_probabilities_agree():
    logits = np.random.default_rng(0).normal(size=(4, 3 + 5)).astype(np.float32) * 3
    fine = LOG_PROBABILITIES(logits)
    np.testing.assert_allclose(np.exp(fine).sum(axis=-1), 1.0, rtol=1e-5)
    above = np.exp(np.float64(logits[:, :3]))
    above /= above.sum(axis=-1, keepdims=True)
    coarse = jax.jit(lambda fine: coarse_logsumexp(fine, PARENTS))(fine)
    np.testing.assert_allclose(np.exp(coarse), above, rtol=1e-5)
    for row, expected, coarse in zip(np.exp(fine), np.float64(logits), above, strict=True):
        parts = np.exp(expected[3:])
        for number, parent in enumerate(PARENTS):
            within = parts[number] / parts[parent == PARENTS].sum()
            np.testing.assert_allclose(row[number], coarse[parent] * within, rtol=1e-4)


def test_class_without_subclasses_is_its_only_subclass():
    logits = np.array([2.0, -1.0, 5.0, 7.0], np.float32)
    fine = fine_log_probabilities(jnp.asarray(logits), np.array([0, 1]))
    expected = logits[:2] - np.log(np.exp(logits[:2]).sum())
    np.testing.assert_allclose(fine, expected, rtol=1e-5)


def test_class_names_determine_the_levels():
    coarse, parents = class_levels(["b:x", "a:x", "b:y", "c"])
    assert coarse == ["a", "b", "c"]
    np.testing.assert_array_equal(parents, [1, 0, 1, 2])


def test_metrics_count_both_levels():
    """The first answer is a wrong subcategory of the right category."""
    probabilities = np.array([[0.4, 0.1, 0.3, 0.1, 0.1], [0.1, 0.5, 0.1, 0.2, 0.1]], np.float32)
    fields, weight = {"label": jnp.array([2, 3])}, jnp.array([1.0, 1.0])
    found = jax.jit(level_metrics(PARENTS))(np.log(probabilities), fields, weight)
    assert found["accuracy"] == (0.0, 2.0)
    assert found["coarse"] == (1.0, 2.0)


def test_gradients_are_finite_for_extreme_logits():
    logits = jnp.array([80.0, -80.0, 0.0, 300.0, -300.0, 0.0, 9.0, 1.0])
    gradient = jax.jit(jax.grad(lambda z: LOG_PROBABILITIES(z)[3]))(logits)
    assert jnp.isfinite(gradient).all()
