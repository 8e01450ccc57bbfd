import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.cells.lru import lru
from seqmodels.errors import UserError
from seqmodels.unroll import unroll_carries


def test_eigenvalues_are_in_the_ring():
    params = jax.jit(lru(2, 500, r_min=0.6, r_max=0.9, max_phase=1.0).init)(jax.random.key(0))
    radius, phase = np.exp(-np.exp(params["nu"])), np.exp(params["theta"])
    assert 0.6 <= radius.min() < 0.63
    assert 0.87 < radius.max() <= 0.9
    assert 0.0 < phase.min() < 0.05
    assert 0.95 < phase.max() <= 1.0
    # Uniform by area: half of the eigenvalues are inside the radius that halves the area.
    assert 0.42 < np.mean(radius**2 < (0.6**2 + 0.9**2) / 2) < 0.58
    np.testing.assert_allclose(np.exp(params["gamma"]), np.sqrt(1 - radius**2), rtol=1e-4)


def test_every_unit_has_an_impulse_response_of_energy_one():
    cell = lru(1, 50, r_min=0.5, r_max=0.95)
    impulse = jnp.zeros((200, 1)).at[0].set(1.0)

    @jax.jit
    def states(key):
        params = cell.init(key) | {"wx": jnp.ones((1, 100)) / jnp.sqrt(2.0)}
        return unroll_carries(cell, params, impulse)[1]

    energy = np.sum(np.abs(states(jax.random.key(0))) ** 2, axis=0)
    np.testing.assert_allclose(energy, np.ones(50), rtol=1e-4)


def test_the_ring_must_be_a_ring():
    with pytest.raises(UserError, match="r_min"):
        lru(3, 4, r_min=0.9, r_max=0.5)
