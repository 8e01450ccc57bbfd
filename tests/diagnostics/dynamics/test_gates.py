import jax
import numpy as np
import pytest
from zoo import D, build, random_carry

from seqmodels.cells.registry import CELLS
from seqmodels.diagnostics.dynamics.gates import lstm_gates
from seqmodels.errors import UserError


@pytest.mark.parametrize("batch", [(), (3,)])
def test_gates_make_the_states_that_they_are_said_to_make(batch):
    cell, params = build("lstm")
    xs = jax.random.normal(jax.random.key(3), (5, *batch, D))
    carry = random_carry(cell, params, batch, jax.random.key(4))
    seen = lstm_gates(cell, params, xs, carry)
    before = np.concatenate([carry.c[None], seen["c"][:-1]])
    c = seen["forget"] * before + seen["input"] * seen["candidate"]
    np.testing.assert_allclose(seen["c"], c, atol=1e-5)
    np.testing.assert_allclose(seen["h"], seen["output"] * np.tanh(c), atol=1e-5)


@pytest.mark.parametrize("name", ["gru", "lstm_peepholes", "lstm_projection"])
def test_other_cells_are_refused(name):
    cell, params = build(name)
    with pytest.raises(UserError, match="plain LSTM"):
        lstm_gates(cell, params, jax.numpy.zeros((2, D)))


def test_the_numbers_of_a_published_hand_worked_example():
    """Gomez (2016), "Backpropagating an LSTM: a numerical example"."""
    cell = CELLS["lstm"](2, 1)
    params = {  # gates in the order i, f, g, o
        "wx": np.array([[0.95, 0.7, 0.45, 0.6], [0.8, 0.45, 0.25, 0.4]], np.float32),
        "wh": np.array([[0.8, 0.1, 0.15, 0.25]], np.float32),
        "b": np.array([0.65, 0.15, 0.2, 0.1], np.float32),
    }
    xs = np.array([[1.0, 2.0], [0.5, 3.0]], np.float32)
    seen = lstm_gates(cell, jax.tree.map(jax.numpy.asarray, params), jax.numpy.asarray(xs))
    expected = {
        "candidate": [0.81775, 0.84980],
        "input": [0.96083, 0.98118],
        "forget": [0.85195, 0.87030],
        "output": [0.81757, 0.84993],
        "c": [0.78572, 1.5176],
        "h": [0.53631, 0.77198],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(seen[name][:, 0], values, rtol=5e-5, err_msg=name)
