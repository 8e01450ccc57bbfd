import jax
import jax.numpy as jnp
import numpy as np

from experiments.categories.hierarchy import (
    fine_log_probabilities,
    level_measures,
    levels,
    sum_over,
)

PARENTS = np.array([1, 0, 1, 2, 1])


def test_the_two_levels_agree():
    logits = jax.random.normal(jax.random.key(0), (4, 3 + 5)) * 3.0
    fine = fine_log_probabilities(logits, PARENTS)
    np.testing.assert_allclose(jnp.exp(fine).sum(axis=-1), 1.0, rtol=1e-5)
    coarse = jax.nn.softmax(logits[:, :3])
    np.testing.assert_allclose(jnp.exp(sum_over(fine, PARENTS)), coarse, rtol=1e-5)
    for row, expected in zip(np.exp(fine), np.float64(logits), strict=True):
        parts = np.exp(expected[3:])
        for number, parent in enumerate(PARENTS):
            within = parts[number] / parts[parent == PARENTS].sum()
            above = np.exp(expected[parent]) / np.exp(expected[:3]).sum()
            np.testing.assert_allclose(row[number], above * within, rtol=1e-4)


def test_a_class_without_subclasses_is_its_own():
    logits = jnp.array([2.0, -1.0, 5.0, 7.0])
    fine = fine_log_probabilities(logits, np.array([0, 1]))
    np.testing.assert_allclose(fine, jax.nn.log_softmax(logits[:2]), rtol=1e-5)


def test_classes_say_themselves_what_they_belong_to():
    coarse, parents = levels(["b:x", "a:x", "b:y", "c"])
    assert coarse == ["a", "b", "c"]
    np.testing.assert_array_equal(parents, [1, 0, 1, 2])


def test_a_wrong_subcategory_may_be_the_right_category():
    chances = np.array([[0.4, 0.1, 0.3, 0.1, 0.1], [0.1, 0.5, 0.1, 0.2, 0.1]], np.float32)
    fields, weight = {"label": jnp.array([2, 3])}, jnp.array([1.0, 1.0])
    found = level_measures(PARENTS)(jnp.log(chances), fields, weight)
    assert found["accuracy"] == (0.0, 2.0)
    assert found["coarse"] == (1.0, 2.0)


def test_gradients_are_finite_for_extreme_logits():
    logits = jnp.array([80.0, -80.0, 0.0, 300.0, -300.0, 0.0, 9.0, 1.0])
    gradient = jax.jit(jax.grad(lambda z: fine_log_probabilities(z, PARENTS)[3]))(logits)
    assert jnp.isfinite(gradient).all()
