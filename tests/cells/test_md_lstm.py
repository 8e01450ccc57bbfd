import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.cells.lstm import LSTMCarry
from seqmodels.cells.md_lstm import GRID_CELLS
from seqmodels.types import Neighbours

FORGET_GATES = {"md_lstm": (1, 2), "convex_md_lstm": (1,), "leaky_lp": (0,)}


def test_forget_gates_start_at_their_bias():
    cells = {name: make(2, 3, forget_bias=2.5) for name, make in GRID_CELLS.items()}
    params = jax.jit(lambda key: {name: cell.init(key) for name, cell in cells.items()})
    for name, p in params(jax.random.key(0)).items():
        expected = np.zeros((5, 3))
        expected[list(FORGET_GATES[name])] = 2.5
        np.testing.assert_array_equal(p["b"].reshape(5, 3), expected)
        assert p["wh"].shape == (6, 15)


@pytest.mark.parametrize(
    ("name", "expected"), [("md_lstm", 2.0**31 - 1), ("convex_md_lstm", 31.0), ("leaky_lp", 1.0)]
)
def test_growth_along_a_diagonal_where_all_gates_are_open(name, expected):
    """Graves's cell doubles c at every diagonal; the stable cells add at most 1, or nothing."""
    cell = GRID_CELLS[name](1, 1)
    bias = jnp.array([100.0] * 5)
    params = {"wx": jnp.zeros((1, 5)), "wh": jnp.zeros((2, 5)), "b": bias}
    start = LSTMCarry(jnp.ones(1), jnp.ones(1))

    def step(state, x):
        return cell.step(params, Neighbours(state, state), x)

    state, _ = jax.lax.scan(step, start, jnp.zeros((30, 1)))
    np.testing.assert_allclose(state.c[0], expected, rtol=1e-6)
