"""Pen movements: the density of scipy, temperature, and the bias of Graves (2013)."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
import scipy.stats

from seqmodels.distributions.pen_mixture import pen_mixture

# Of the pen, of two components, and two means, log scales and a correlation of each.
RAW = np.array([0.4, 0.3, -0.2, -3.0, 1.0, -0.5, 0.2, 0.8, 2.0, -1.0, 0.1, -0.4, -1.2])


def components(bias, temperature):
    """Return weight, mean and covariance of each component, from the equations of the paper."""
    weights = scipy.special.softmax(RAW[1:3] * (1.0 + bias) / temperature)
    for weight, raw in zip(weights, RAW[3:].reshape(2, 5), strict=True):
        s = (1e-3 + np.exp(raw[2:4] - bias)) * np.sqrt(temperature)
        rho = np.sqrt(1.0 - 1e-4) * np.tanh(raw[4])
        yield weight, raw[:2], np.outer(s, s) * [[1.0, rho], [rho, 1.0]]


def test_the_density_is_that_of_scipy():
    y = np.random.default_rng(0).normal(size=(50, 2)) * 3.0
    params = jnp.broadcast_to(jnp.asarray(RAW, jnp.float32), (50, 13))
    nats = jax.jit(pen_mixture(2).nats)(
        params, jnp.asarray(np.insert(y, 2, 1.0, axis=1), jnp.float32)
    )
    density = sum(
        weight * scipy.stats.multivariate_normal(mean, covariance).pdf(y)
        for weight, mean, covariance in components(0.0, 1.0)
    )
    np.testing.assert_allclose(nats, -np.log(density * scipy.special.expit(0.4)), rtol=1e-4)


def test_bias_and_temperature_combine():
    params = jnp.broadcast_to(jnp.asarray(RAW, jnp.float32), (20_000, 13))

    @jax.jit
    def draw(bias, temperature):
        return pen_mixture(2, bias).draw(jax.random.key(1), params, temperature)

    for bias, temperature in [(0.0, 1.0), (1.5, 1.0), (0.5, 0.5), (0.0, 2.0)]:
        draws = np.asarray(draw(jnp.float32(bias), jnp.float32(temperature)), float)
        parts = list(components(bias, temperature))
        mean = sum(weight * m for weight, m, _ in parts)
        second = sum(weight * (c + np.outer(m, m)) for weight, m, c in parts)
        covariance = second - np.outer(mean, mean)
        spread = np.sqrt(np.diag(covariance))
        assert (np.abs(draws[:, :2].mean(0) - mean) < 5 * spread / 141).all()
        unit = np.cov(draws[:, :2], rowvar=False) / np.outer(spread, spread)
        np.testing.assert_allclose(unit, covariance / np.outer(spread, spread), atol=0.05)
        pen = scipy.special.expit(0.4 / temperature)  # the bias leaves it alone
        np.testing.assert_allclose(draws[:, 2].mean(), pen, atol=5 * 0.5 / 141)


def test_the_floor_on_the_correlation_keeps_digits():
    """Points on the diagonal of a perfectly correlated Gaussian are likely, others are not."""
    params = jnp.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 40.0])
    y = jnp.array([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0]])
    on, off = jax.jit(pen_mixture(1).nats)(jnp.broadcast_to(params, (2, 7)), y)
    scale, rho = 1.0 + 1e-3, np.sqrt(1.0 - 1e-4)
    covariance = scale**2 * np.array([[1.0, rho], [rho, 1.0]])
    exact = -scipy.stats.multivariate_normal([0.0, 0.0], covariance).logpdf([[1, 1], [1, -1]])
    np.testing.assert_allclose([on, off], exact + np.log(2.0), rtol=1e-5)
