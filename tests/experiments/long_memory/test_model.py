import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.long_memory.memory_problems import PROBLEMS, Examples
from experiments.long_memory.model import answer_metrics, answer_model, answer_task
from seqmodels.cells.registry import CELLS
from seqmodels.train.config import OptimizerConfig, optimizer_rates
from seqmodels.train.state import init_state, train_chunk
from seqmodels.unroll import unroll

KEY = jax.random.key(0)


def test_a_linear_layer_reads_the_last_outputs():
    cell = CELLS["rnn"](4, 5)
    model = answer_model(cell, 3, encoder=(2, 4))
    params = model.init(KEY)
    xs = jax.random.normal(KEY, (7, 6, 2))
    dense, out = (jax.tree.map(np.asarray, params[name]) for name in ("encoder", "readout"))
    vs = np.maximum(np.asarray(xs) @ dense["kernel"] + dense["bias"], 0)
    np.testing.assert_allclose(model.encode(params, xs), vs, atol=1e-6)
    ys, _ = unroll(cell, params["cell"], jnp.asarray(vs))
    expected = np.asarray(ys)[-2:] @ out["kernel"] + out["bias"]
    np.testing.assert_allclose(model.apply(params, xs, 2), expected, atol=1e-5)


def test_numbers_have_squared_errors_and_classes_nats():
    answers = jnp.array([[[1.0], [0.5]]])
    metrics = answer_metrics(answers, jnp.array([[1.03, 1.0]]))
    assert float(metrics["error"].sum) == pytest.approx(0.03**2 + 0.5**2)
    assert float(metrics["accuracy"].sum) == 1.0
    logits = jnp.log(jnp.array([[[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]]))
    metrics = answer_metrics(logits, jnp.array([[0, 2]]))
    assert float(metrics["error"].sum) == pytest.approx(-np.log(0.5) - np.log(0.25))
    assert float(metrics["accuracy"].sum) == 1.0
    assert float(metrics["accuracy"].weight) == 2.0


def test_learns_the_parity_of_three_bits():
    task = answer_task(answer_model(CELLS["gru"](1, 8), 2))
    bits = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, 8, 1).astype(np.float32)
    batch = Examples(bits, (bits.sum(axis=0) % 2).astype(np.int32).T)
    config = OptimizerConfig(learning_rate=3e-2)
    rates = {name: jnp.float32(value) for name, value in optimizer_rates(config).items()}

    @jax.jit
    def learn():
        state = init_state(task, config, rates, KEY, batch)
        batches = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (300, *leaf.shape)), batch)
        return train_chunk(task, config)(state, batches)[1].metrics

    metrics = learn()
    error, accuracy = metrics["error"].sum / 8, metrics["accuracy"].sum / 8
    assert error[0] > 0.9 * PROBLEMS["parity"].baseline(3)
    assert error[-1] < 0.05
    assert accuracy[-1] == 1
