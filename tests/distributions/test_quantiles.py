"""Quantiles: order, interpolation, draws, and the minimum of the pinball loss."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.distributions.quantiles import quantiles
from seqmodels.errors import UserError

GRID = np.array([0.1, 0.25, 0.5, 0.8])
BETWEEN = np.array([0.05, 0.1, 0.2, 0.5, 0.7, 0.8, 0.9])


@pytest.fixture(scope="module")
def family():
    return quantiles(GRID.tolist())


def test_quantiles_draws_mean_and_cdf_describe_one_distribution(family):
    @jax.jit
    def run(params):
        wide = jnp.broadcast_to(params, (20_000, 4))
        hot = jax.vmap(lambda key, t: family.draw(key, wide, t))
        draws = hot(jax.random.split(jax.random.key(0)), jnp.array([1.0, 0.0]))
        between = family.quantile(params, BETWEEN)
        beyond = between.at[0].add(-0.1).at[-1].add(0.1)
        return between, family.mean(params), draws, family.cdf(wide[:7], beyond)

    raw = np.array([-1.0, -30.0, 0.5, 2.0])  # two levels nearly coincide
    values = np.cumsum([raw[0], *np.logaddexp(0.0, raw[1:])])
    between, mean, draws, levels = run(jnp.asarray(raw, jnp.float32))
    np.testing.assert_allclose(between, np.interp(BETWEEN, GRID, values), rtol=1e-5)
    exact = np.interp((np.arange(100_000) + 0.5) / 100_000, GRID, values)
    np.testing.assert_allclose(mean, exact.mean(), rtol=1e-4)
    np.testing.assert_allclose(draws[0].mean(), exact.mean(), atol=5 * exact.std() / 141)
    np.testing.assert_allclose(draws[0].std(), exact.std(), rtol=0.03)
    np.testing.assert_allclose(draws[1], values[2], rtol=1e-6)  # temperature 0: the median
    np.testing.assert_allclose(levels[3:5], [0.5, 0.7], atol=1e-5)
    assert (levels[0], levels[-1]) == (0.0, 1.0)  # no mass beyond the first and last level


@pytest.mark.parametrize("level", [0.1, 0.5, 0.8])
def test_the_pinball_loss_is_least_at_the_empirical_quantile(level):
    y = np.sort(np.random.default_rng(0).gamma(2.0, size=501)).astype(np.float32)
    candidates, targets = np.meshgrid(y, y, indexing="ij")
    nats = quantiles([level]).nats(jnp.asarray(candidates[..., None]), jnp.asarray(targets))
    best = y[np.asarray(nats).mean(axis=1).argmin()]
    np.testing.assert_allclose(best, np.quantile(y, level, method="inverted_cdf"), atol=1e-2)


def test_extreme_outputs_have_finite_gradients_and_bfloat16_is_widened(family):
    params = jnp.array([[9984.0, 30.0, -9984.0, 9984.0], [-9984.0, 0.0, 9984.0, -30.0]])
    y = jnp.array([-1e6, 1e6])
    loss = jax.jit(jax.vmap(jax.value_and_grad(family.nats)))
    values, gradients = loss(params, y)
    assert np.isfinite(values).all()
    assert np.isfinite(gradients).all()
    wide = family.nats(params.astype(jnp.bfloat16), y)
    assert wide.dtype == jnp.float32
    np.testing.assert_allclose(wide, values, rtol=1e-5)


@pytest.mark.parametrize("levels", [[], [0.5, 0.5], [0.2, 0.1], [0.0, 0.5], [0.5, 1.0]])
def test_levels_increase_strictly_between_0_and_1(levels):
    with pytest.raises(UserError, match="increase strictly"):
        quantiles(levels)
