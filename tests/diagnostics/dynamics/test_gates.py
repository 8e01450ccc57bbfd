import jax
import numpy as np
import pytest
from parameters import random_normal, random_params

from seqmodels.cells.lstm import LSTMCarry
from seqmodels.cells.registry import CELLS
from seqmodels.diagnostics.dynamics.gates import lstm_gates
from seqmodels.errors import UserError

D, H = 3, 4


@pytest.mark.parametrize("batch", [pytest.param((), marks=pytest.mark.exhaustive), (3,)])
def test_states_follow_from_the_gates(batch):
    cell = CELLS["lstm"](D, H)
    params, xs = random_params(cell, scale=0.5), random_normal(5, *batch, D)
    carry = LSTMCarry(random_normal(*batch, H, seed=2), random_normal(*batch, H, seed=3))
    gates = jax.device_get(jax.jit(lambda p: lstm_gates(cell, p, xs, carry))(params))
    before = np.concatenate([carry.c[None], gates["c"][:-1]])
    c = gates["forget"] * before + gates["input"] * gates["candidate"]
    np.testing.assert_allclose(gates["c"], c, atol=1e-5)
    np.testing.assert_allclose(gates["h"], gates["output"] * np.tanh(c), atol=1e-5)


@pytest.mark.parametrize(
    "cell",
    [CELLS["gru"](D, H), CELLS["lstm"](D, H, peepholes=True), CELLS["lstm"](D, H, projection=3)],
    ids=["gru", "peepholes", "projection"],
)
def test_other_cells_are_an_error(cell):
    with pytest.raises(UserError, match="plain LSTM"):
        lstm_gates(cell, random_params(cell), jax.numpy.zeros((2, D)))


def test_a_published_example_worked_by_hand():
    """Gomez (2016), "Backpropagating an LSTM: a numerical example"."""
    cell = CELLS["lstm"](2, 1)
    params = {  # gates in the order i, f, g, o
        "wx": np.array([[0.95, 0.7, 0.45, 0.6], [0.8, 0.45, 0.25, 0.4]], np.float32),
        "wh": np.array([[0.8, 0.1, 0.15, 0.25]], np.float32),
        "b": np.array([0.65, 0.15, 0.2, 0.1], np.float32),
    }
    xs = np.array([[1.0, 2.0], [0.5, 3.0]], np.float32)
    gates = jax.jit(lambda p, x: lstm_gates(cell, p, x))(params, xs)
    expected = {
        "candidate": [0.81775, 0.84980],
        "input": [0.96083, 0.98118],
        "forget": [0.85195, 0.87030],
        "output": [0.81757, 0.84993],
        "c": [0.78572, 1.5176],
        "h": [0.53631, 0.77198],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(gates[name][:, 0], values, rtol=5e-5, err_msg=name)
