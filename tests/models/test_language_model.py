import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.cells import CELLS
from seqmodels.data.streams import Window, evaluation_windows
from seqmodels.errors import UserError
from seqmodels.models.language_model import language_model, language_model_task
from seqmodels.noise import dropout
from seqmodels.train.config import OptimizerConfig, hyper
from seqmodels.train.state import init_state, train_chunk
from seqmodels.wrap import stack

V, E, H = 7, 8, 8


def two_layers(tied=False, rate=0.0):
    cells = stack(CELLS["lstm"](E, H), dropout(CELLS["gru"](H, H), outputs=rate))
    return language_model(cells, E, V, tied=tied)


def tokens(*shape):
    return jax.random.randint(jax.random.key(5), shape, 0, V)


def window(text):
    """All of ``text [T + 1, B]`` as one window at the start of its streams."""
    first = jnp.zeros(text[1:].shape, bool).at[0].set(True)
    return Window(text[:-1], text[1:], jnp.ones(text[1:].shape, bool), first)


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns_one_batch_by_heart(cell):
    task = language_model_task(lambda hyper: language_model(CELLS[cell](E, 16), E, V))
    batch = window(jnp.array([[0, 1], [2, 2], [3, 4], [5, 6]]))  # the third needs the first
    config = OptimizerConfig(learning_rate=3e-2)
    numbers = {name: jnp.float32(value) for name, value in hyper(config).items()}

    @jax.jit
    def learn():
        state = init_state(task, config, numbers, jax.random.key(0), batch)
        batches = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (120, *leaf.shape)), batch)
        return train_chunk(task, config)(state, batches)[1]["loss"]

    assert learn()[-1] < 0.02


@pytest.mark.parametrize("tied", [False, True])
def test_an_untrained_model_knows_nothing(tied):
    size, vocabulary = 64, 50
    model = language_model(CELLS["lstm"](size, size), size, vocabulary, tied=tied)
    task = language_model_task(lambda hyper: model)
    params = jax.jit(task.init)(jax.random.key(0))
    batch = window(jax.random.randint(jax.random.key(1), (6, 64), 0, vocabulary))
    _, metrics = jax.jit(task.measure)(params, {}, task.memory(params, batch), batch)
    np.testing.assert_allclose(metrics["nats"].mean, np.log(vocabulary), rtol=0.02)
    assert metrics["accuracy"].mean < 3 / vocabulary


@pytest.mark.parametrize("tied", [False, True])
def test_chunks_with_carried_state_and_single_steps_equal_one_long_sequence(tied):
    model, text = two_layers(tied), tokens(8, 3)
    params = jax.jit(model.init)(jax.random.key(0))
    unroll, step = jax.jit(model.unroll), jax.jit(model.step)
    start = model.start(params, (3,))
    whole, last = unroll(params, text, start)
    first, carry = unroll(params, text[:4], start)
    second, end = unroll(params, text[4:], carry)
    np.testing.assert_allclose(jnp.concatenate([first, second]), whole, atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), end, last)
    for t in range(4, 8):
        carry, logits = step(params, carry, text[t])
        np.testing.assert_allclose(logits, whole[t], atol=1e-5)


def test_evaluation_counts_every_token_once_with_its_whole_context():
    task = language_model_task(lambda hyper: two_layers())
    text, measure = np.asarray(tokens(12)), jax.jit(task.measure)
    params, windows = jax.jit(task.init)(jax.random.key(0)), evaluation_windows(text, 1, 4)
    whole = jax.device_put(window(text[:, None]))
    start = task.memory(params, whole)
    _, expected = measure(params, {}, start, whole)
    memory = jax.tree.map(lambda leaf: leaf + 1.0, start)  # what training left behind
    totals = []
    for step in range(windows.steps_per_epoch):
        memory, metrics = measure(params, {}, memory, jax.device_put(windows(step)))
        totals.append(metrics["nats"])
    total, count = np.sum(totals, axis=0)
    assert count == 11
    np.testing.assert_allclose(total, expected["nats"][0], rtol=1e-5)


def test_dropout_acts_in_training_alone_and_its_rate_may_be_traced():
    task = language_model_task(lambda hyper: two_layers(rate=hyper.get("dropout", 0.0)))
    batch = window(tokens(5, 4))
    params = jax.jit(task.init)(jax.random.key(0))
    memory = task.memory(params, batch)

    @jax.jit
    @jax.vmap
    def both(rate):
        numbers = {"dropout": rate}
        measured = task.measure(params, numbers, memory, batch)[1]["nats"].mean
        return task.loss(params, numbers, memory, batch, KEY)[0], measured

    (quiet, noisy), measured = both(jnp.array([0.0, 0.5]))
    assert measured[0] == measured[1]
    np.testing.assert_allclose(quiet, measured[0], rtol=1e-5)
    assert abs(noisy - quiet) > 1e-4


KEY = jax.random.key(3)


def test_tied_embeddings_are_one_matrix():
    tied, untied = (
        sum(leaf.size for leaf in jax.tree.leaves(two_layers(tied).init(KEY)))
        for tied in (True, False)
    )
    assert untied - tied == H * V
    odd = language_model(CELLS["lstm"](E, H + 1), E, V, tied=True)
    with pytest.raises(UserError, match="tied embeddings"):
        odd.init(KEY)
