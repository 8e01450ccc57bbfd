import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.cells.rg_lru import complement, rg_lru
from seqmodels.errors import UserError


def test_decays_start_between_09_and_0999():
    draw = jax.jit(lambda key: jax.nn.sigmoid(rg_lru(2, 500).init(key)["lambda"]) ** 8)
    decay = draw(jax.random.key(0))
    assert 0.9 <= decay.min() < 0.905
    assert 0.994 < decay.max() < 0.9991


def test_complement_is_exact_and_has_a_finite_gradient_everywhere():
    log_a = -np.logspace(-30, 2, 200)
    value = jax.jit(jax.vmap(complement))(jnp.asarray(log_a, jnp.float32)[:, None])[:, 0]
    exact = np.sqrt(-np.expm1(2 * log_a.astype(np.float32).astype(np.float64)))
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    gradient = jax.jit(jax.vmap(jax.grad(lambda a: complement(a[None])[0])))
    assert np.isfinite(gradient(jnp.array([0.0, -1e-45]))).all()


def test_heads_must_divide_the_units():
    with pytest.raises(UserError, match="heads=3 must divide hidden=4"):
        rg_lru(3, 4, heads=3)
