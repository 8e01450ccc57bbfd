import jax
import numpy as np

from seqmodels.cells.min_lstm import min_lstm


def test_the_forget_gate_is_first():
    bias = min_lstm(2, 3, forget_bias=2.0).init(jax.random.key(0))["b"]
    np.testing.assert_array_equal(bias, [2.0] * 3 + [0.0] * 6)
