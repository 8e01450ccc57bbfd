import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.long_memory.last_steps import last_steps, last_steps_task, measures
from experiments.long_memory.problems import PROBLEMS, Examples
from seqmodels.cells.registry import CELLS
from seqmodels.train.config import OptimizerConfig, hyper
from seqmodels.train.state import init_state, train_chunk
from seqmodels.unroll import unroll

KEY = jax.random.key(0)


def test_answers_are_the_linear_layer_on_the_last_outputs():
    cell = CELLS["rnn"](4, 5)
    model = last_steps(cell, 3, encoder=(2, 4))
    params = model.init(KEY)
    xs = jax.random.normal(KEY, (7, 6, 2))
    code, out = (jax.tree.map(np.asarray, params[name]) for name in ("encoder", "readout"))
    vs = np.maximum(np.asarray(xs) @ code["kernel"] + code["bias"], 0)
    np.testing.assert_allclose(model.encode(params, xs), vs, atol=1e-6)
    ys, _ = unroll(cell, params["cell"], jnp.asarray(vs))
    expected = np.asarray(ys)[-2:] @ out["kernel"] + out["bias"]
    np.testing.assert_allclose(model.apply(params, xs, 2), expected, atol=1e-5)


def test_numbers_have_squared_errors_and_classes_nats():
    answers = jnp.array([[[1.0], [0.5]]])
    found = measures(answers, jnp.array([[1.03, 1.0]]))
    assert float(found["error"][0]) == pytest.approx(0.03**2 + 0.5**2)
    assert float(found["accuracy"][0]) == 1.0
    logits = jnp.log(jnp.array([[[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]]))
    found = measures(logits, jnp.array([[0, 2]]))
    assert float(found["error"][0]) == pytest.approx(-np.log(0.5) - np.log(0.25))
    assert float(found["accuracy"][0]) == 1.0
    assert float(found["accuracy"][1]) == 2.0


def test_a_short_parity_is_learned():
    task = last_steps_task(last_steps(CELLS["gru"](1, 8), 2))
    bits = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, 8, 1).astype(np.float32)
    batch = Examples(bits, (bits.sum(axis=0) % 2).astype(np.int32).T)
    config = OptimizerConfig(learning_rate=3e-2)
    numbers = {name: jnp.float32(value) for name, value in hyper(config).items()}

    @jax.jit
    def learn():
        state = init_state(task, config, numbers, KEY, batch)
        batches = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (300, *leaf.shape)), batch)
        return train_chunk(task, config)(state, batches)[1]

    metrics = learn()
    error, accuracy = metrics["error"][0] / 8, metrics["accuracy"][0] / 8
    assert error[0] > 0.9 * PROBLEMS["parity"].baseline(3)
    assert error[-1] < 0.05
    assert accuracy[-1] == 1
