"""Language models over all cells, windows, evaluation, tied embeddings, penalties."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from seqmodels.cells.registry import CELLS
from seqmodels.data.streams import Window, evaluation_windows
from seqmodels.errors import UserError
from seqmodels.models.language.language_model import (
    HiddenStates,
    activation_penalty,
    language_model_task,
    recurrent_language_model,
)
from seqmodels.noise import dropout
from seqmodels.wrap import stack

V, E, H = 7, 8, 8
KEY = jax.random.key(0)
FAST = {"rnn", "lstm", "min_gru"}  # a form of cell each; make test-all runs all cells
SLOW = pytest.mark.exhaustive


def two_layers(tied):
    cell = stack(CELLS["lstm"](E, H), CELLS["gru"](H, H))
    return recurrent_language_model(cell, E, V, tied=tied)


def tokens(*shape):
    return jax.random.randint(jax.random.key(5), shape, 0, V)


def window(text):
    """Return ``text [T + 1, B]`` as a window at the start of its streams."""
    first = jnp.zeros(text[1:].shape, bool).at[0].set(True)
    return Window(text[:-1], text[1:], jnp.ones(text[1:].shape, bool), first)


@pytest.mark.parametrize(
    "cell", [pytest.param(name, marks=() if name in FAST else SLOW) for name in CELLS]
)
def test_every_cell_memorizes_a_batch(cell):
    model = recurrent_language_model(CELLS[cell](E, 16), E, V)
    task = language_model_task(lambda rates: model)
    batch = window(jnp.array([[0, 1], [2, 2], [3, 4], [5, 6]]))  # row 2 depends on row 0
    adam = optax.adam(3e-2)

    @jax.jit
    def learn():
        params = task.init(jax.random.key(0))
        memory = task.memory(params, batch)
        vector, rebuild = ravel_pytree(params)  # one array for the optimizer: half the compilation

        def step(state, _):
            vector, moments = state
            loss, gradient = jax.value_and_grad(
                lambda vector: task.loss(rebuild(vector), {}, memory, batch, None)[0]
            )(vector)
            with jax.numpy_dtype_promotion("standard"):  # optax mixes integer counts with floats
                updates, moments = adam.update(gradient, moments)
            return (vector + updates, moments), loss

        return jax.lax.scan(step, (vector, adam.init(vector)), length=120)[1]

    assert learn()[-1] < 0.02


@pytest.mark.parametrize("tied", [False, True])
def test_an_untrained_model_predicts_uniformly(tied):
    size, vocabulary = 64, 50
    model = recurrent_language_model(CELLS["lstm"](size, size), size, vocabulary, tied=tied)
    task = language_model_task(lambda rates: model)
    params = jax.jit(task.init)(jax.random.key(0))
    batch = window(jax.random.randint(jax.random.key(1), (6, 64), 0, vocabulary))
    _, metrics = jax.jit(task.measure)(params, {}, task.memory(params, batch), batch)
    np.testing.assert_allclose(metrics["nats"].mean, np.log(vocabulary), rtol=0.02)
    assert metrics["accuracy"].mean < 3 / vocabulary


@pytest.fixture(scope="module", params=["untied", "tied"])
def model(request):
    """Return a model of two layers, compiled, and its parameters."""
    model = two_layers(request.param == "tied")
    compiled = model._replace(step=jax.jit(model.step), unroll=jax.jit(model.unroll))
    return compiled, jax.jit(model.init)(KEY)


def test_windows_and_single_steps_equal_one_sequence(model):
    (model, params), text = model, tokens(8, 3)
    start = model.start(params, (3,))
    whole, last = model.unroll(params, text, start)
    first, carry = model.unroll(params, text[:4], start)
    second, end = model.unroll(params, text[4:], carry)
    np.testing.assert_allclose(jnp.concatenate([first, second]), whole, atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), end, last)
    for t in range(4, 8):
        carry, logits = model.step(params, carry, text[t])
        np.testing.assert_allclose(logits, whole[t], atol=1e-5)


def test_evaluation_counts_every_token_once_with_its_full_context(model):
    model, params = model
    task = language_model_task(lambda rates: model)
    text, measure = np.asarray(tokens(9)), jax.jit(task.measure)
    whole, windows = jax.device_put(window(text[:, None])), evaluation_windows(text, 1, 4)
    start = task.memory(params, whole)
    logits, _ = model.unroll(params, whole.inputs, start)
    expected = -jax.nn.log_softmax(logits)[np.arange(8), 0, text[1:]].sum()
    memory = jax.tree.map(lambda leaf: leaf + 1.0, start)  # left over from training
    totals = []
    for step in range(windows.steps_per_epoch):
        memory, metrics = measure(params, {}, memory, jax.device_put(windows(step)))
        totals.append(metrics["nats"])
    total, count = np.sum(totals, axis=0)
    assert count == 8
    np.testing.assert_allclose(total, expected, rtol=1e-5)


def test_dropout_acts_only_in_training_and_its_rate_may_be_traced():
    def build(rates):
        cell = dropout(CELLS["rnn"](E, H), outputs=rates.get("dropout", 0.0))
        return recurrent_language_model(cell, E, V)

    task, batch = language_model_task(build), window(tokens(4, 4))

    @jax.jit
    def both(rates):
        params = task.init(KEY)
        memory = task.memory(params, batch)

        def trained(rate):
            return task.loss(params, {"dropout": rate}, memory, batch, KEY)[0]

        measured = task.measure(params, {"dropout": rates[1]}, memory, batch)[1]["nats"].mean
        return jax.vmap(trained)(rates), measured

    (quiet, noisy), measured = both(jnp.array([0.0, 0.5]))
    np.testing.assert_allclose(quiet, measured, rtol=1e-5)
    assert abs(noisy - quiet) > 1e-4


def test_tied_embeddings_are_one_matrix():
    def size(tied):
        shapes = jax.eval_shape(two_layers(tied).init, KEY)
        return sum(leaf.size for leaf in jax.tree.leaves(shapes))

    assert size(tied=False) - size(tied=True) == H * V
    model = recurrent_language_model(CELLS["lstm"](E, H + 1), E, V, tied=True)
    with pytest.raises(UserError, match="tied embeddings"):
        jax.eval_shape(model.init, KEY)


def test_activation_penalty_equals_its_definition():
    h = np.random.default_rng(0).normal(size=(4, 2, 3)).astype(np.float32)
    hidden = HiddenStates(jnp.asarray(2 * h), jnp.asarray(h))
    expected = 2.0 * np.mean((2 * h) ** 2) + 3.0 * np.mean(np.diff(h, axis=0) ** 2)
    np.testing.assert_allclose(activation_penalty(hidden, 2.0, 3.0), expected, rtol=1e-6)
