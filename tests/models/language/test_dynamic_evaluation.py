"""Dynamic evaluation, compared with gradient steps in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.cells.registry import CELLS
from seqmodels.data.streams import evaluation_windows
from seqmodels.models.language.dynamic_evaluation import dynamic_task, gradient_squares
from seqmodels.models.language.language_model import (
    language_model_task,
    recurrent_language_model,
)
from seqmodels.train.evaluator import Evaluator

V, H = 6, 5
TEXT = np.random.default_rng(0).integers(0, V, 24).astype(np.int32)
MODEL = recurrent_language_model(CELLS["rnn"](H, H), H, V)
TASK = language_model_task(lambda rates: MODEL)
WINDOWS = evaluation_windows(TEXT, 1, 8)


@pytest.fixture(scope="module")
def params():
    return jax.jit(MODEL.init)(jax.random.key(0))


def window_nats(task, params, rates):
    """Return the cross-entropy of each window, with the memory carried on."""
    memory, measure = jax.jit(task.memory)(params, WINDOWS(0)), jax.jit(task.measure)
    nats = []
    for step in range(WINDOWS.steps_per_epoch):
        memory, metrics = measure(params, rates, memory, WINDOWS(step))
        nats.append(metrics["nats"].sum)
    return np.array(nats)


def test_a_window_is_scored_before_the_model_learns_from_it(params):
    squares = gradient_squares(TASK, params, {}, WINDOWS, 2)
    rates = {"dynamic_rate": jnp.float32(0.02), "dynamic_decay": jnp.float32(0.1)}
    nats = window_nats(dynamic_task(TASK, squares), params, rates)

    roots = jax.tree.map(np.sqrt, squares)
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(roots)])
    current, memory = params, TASK.memory(params, WINDOWS(0))
    gradient = jax.jit(
        lambda p, m, w: jax.value_and_grad(TASK.loss, has_aux=True)(p, {}, m, w, None)
    )
    for step in range(WINDOWS.steps_per_epoch):
        (loss, (after, _)), grads = jax.device_get(gradient(current, memory, WINDOWS(step)))
        assert nats[step] == pytest.approx(loss * WINDOWS(step).mask.sum(), rel=1e-5)
        current = jax.tree.map(
            lambda p0, p, g, r: np.float32(
                p - 0.02 * g / (r + 2e-5) + np.minimum(0.1 * r / flat.mean(), 1) * (p0 - p)
            ),
            *jax.device_get((params, current, grads, roots)),
        )
        memory = after


def test_each_evaluation_starts_from_the_trained_parameters(params):
    squares = jax.tree.map(jnp.ones_like, params)
    rates = {"dynamic_rate": jnp.float32(0.05), "dynamic_decay": jnp.float32(0.0)}
    measure = Evaluator(dynamic_task(TASK, squares))
    first, second = (measure(params, rates, WINDOWS)["nats"] for _ in range(2))
    assert first == second
