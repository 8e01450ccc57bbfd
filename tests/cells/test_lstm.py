import jax
import numpy as np
import pytest

from seqmodels.cells.registry import CELLS


@pytest.mark.parametrize("name", ["lstm", "carry_track_lstm"])
def test_forget_gates_start_at_their_bias(name):
    @jax.jit
    def biases(key):
        return CELLS[name](2, 3).init(key)["b"], CELLS[name](2, 3, forget_bias=2.5).init(key)["b"]

    default, other = biases(jax.random.key(0))
    np.testing.assert_array_equal(default, [0.0] * 3 + [1.0] * 3 + [0.0] * 6)
    assert other[3] == 2.5
