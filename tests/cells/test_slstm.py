from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import random_normal

from seqmodels.cells.slstm import slstm
from seqmodels.errors import UserError
from seqmodels.unroll import unroll

KEY = jax.random.key(0)


def test_the_forget_bias_falls_from_5_to_minus_7_in_each_head():
    cell = slstm(2, 8, heads=2)
    bias = jax.jit(lambda key: cell.init(key)["b"])(KEY)[8:16].reshape(2, 4)
    np.testing.assert_allclose(bias[:, [0, -1]], [[5.0, -7.0]] * 2, rtol=1e-6)
    assert (np.diff(bias) < 0).all()


def test_huge_gates_give_finite_outputs_and_gradients():
    cell = slstm(2, 4, heads=2)
    xs = random_normal(12, 3, 2)

    @jax.jit
    @partial(jax.grad, has_aux=True)
    def run(params, scale):
        ys, _ = unroll(cell, params, xs * scale, engine="scan")
        return jnp.sum(ys), ys

    params = jax.jit(cell.init)(KEY)
    for scale in (1.0, 1e3, 1e6):
        gradients, ys = run(params, scale)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((gradients, ys)))
        assert np.abs(ys).max() <= 1.0  # c / n is a mean of tanh's


def test_heads_must_divide_the_units():
    with pytest.raises(UserError, match="heads=3 must divide hidden=4"):
        slstm(3, 4, heads=3)
