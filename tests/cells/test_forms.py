"""Cells that are linear in their state: both ways to run them, and extreme inputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import random_normal, random_params

from seqmodels.cells.registry import CELLS
from seqmodels.unroll import unroll

T, B, D, H = 11, 3, 3, 4
LINEAR = ["min_gru", "min_lstm", "lru", "rg_lru"]


def fast(name):
    """Keep one case for the fast tests."""
    return pytest.param(name, marks=() if name == "lru" else pytest.mark.exhaustive)


@pytest.mark.parametrize("name", [fast(name) for name in LINEAR])
@pytest.mark.parametrize("reverse", [True, pytest.param(False, marks=pytest.mark.exhaustive)])
def test_the_associative_engine_equals_scan(name, reverse):
    cell = CELLS[name](D, H)
    mask = jnp.arange(T)[:, None] < jnp.array([[T, 6, 1]])
    resets = jnp.asarray(np.random.default_rng(3).random((T, B)) < 0.3)
    options = {"mask": mask, "resets": resets, "reverse": reverse}

    @jax.jit
    def run(params, xs):
        def loss(params, xs, engine):
            ys, carry = unroll(cell, params, xs, engine=engine, **options)
            return jnp.sum(jnp.sin(ys)) + jnp.sum(jnp.abs(carry)), (ys, carry)

        grad = jax.grad(loss, argnums=(0, 1), has_aux=True)
        return grad(params, xs, "associative"), grad(params, xs, "scan")

    parallel, sequential = run(random_params(cell, scale=0.5), random_normal(T, B, D))
    for a, b in zip(jax.tree.leaves(parallel), jax.tree.leaves(sequential), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)
        assert np.isfinite(a).all()


@pytest.mark.parametrize("name", LINEAR)
def test_saturated_gates_give_finite_outputs_and_gradients(name):
    cell = CELLS[name](D, H)

    @jax.jit
    def run(params, xs):
        loss = lambda p, x: jnp.sum(unroll(cell, p, x)[0])  # noqa: E731
        return jax.value_and_grad(loss, argnums=(0, 1))(params, xs)

    params, xs = jax.jit(cell.init)(jax.random.key(0)), random_normal(5, 2, D)
    for scale in (0.0, 1.0, 300.0, 1e4):
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(run(params, scale * xs)))
