"""Negative log densities of Gaussians in one and two dimensions."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.types import Array, Float

LOG_TWO_PI = math.log(2.0 * math.pi)


def gaussian_nats(
    y: Float[Array, "*B"], mean: Float[Array, "*B"], scale: Float[Array, "*B"]
) -> Float[Array, "*B"]:
    """Return the negative log density of a Gaussian.

        z^2 / 2 + log scale + log(2 pi) / 2,    z = (y - mean) / scale

    >>> gaussian_nats(jnp.array([3.0]), jnp.array([1.0]), jnp.array([2.0]))  # z = 1
    Array([2.1120858], dtype=float32)
    """
    z = (y - mean) / scale
    return 0.5 * jnp.square(z) + jnp.log(scale) + 0.5 * LOG_TWO_PI


class Correlation(NamedTuple):
    """The correlation rho of two variables, and ``1 - rho^2`` without loss of digits."""

    rho: Float[Array, "*B"]
    complement: Float[Array, "*B"]


def correlation(raw: Float[Array, "*B"], floor: float) -> Correlation:
    """Return a correlation from an unbounded number, such that ``1 - rho^2 >= floor``.

        rho = sqrt(1 - floor) tanh(raw),    1 - rho^2 = floor + (1 - floor) sech(raw)^2

    >>> correlation(jnp.array([20.0]), floor=0.0).complement  # 4 exp(-40), not 1 - 1
    Array([1.6993417e-17], dtype=float32)
    """
    sech_squared = 4.0 * jax.nn.sigmoid(2.0 * raw) * jax.nn.sigmoid(-2.0 * raw)
    return Correlation(math.sqrt(1.0 - floor) * jnp.tanh(raw), floor + (1.0 - floor) * sech_squared)


def bivariate_gaussian_nats(
    y: Float[Array, "*B 2"],
    mean: Float[Array, "*B 2"],
    log_scale: Float[Array, "*B 2"],
    correlation: Correlation,
) -> Float[Array, "*B"]:
    """Return the negative log density of a bivariate Gaussian.

        log(2 pi s_1 s_2 sqrt(1 - rho^2)) + (z_1^2 + (z_2 - rho z_1)^2 / (1 - rho^2)) / 2

    Here ``z = (y - mean) / s``.  This is the density of ``z_1`` times that of ``z_2`` given
    ``z_1``, which is more accurate near |rho| = 1 than ``z_1^2 + z_2^2 - 2 rho z_1 z_2``.

    >>> zero = jnp.zeros(2)
    >>> bivariate_gaussian_nats(zero, zero, zero, Correlation(jnp.array(0.0), jnp.array(1.0)))
    Array(1.837877, dtype=float32)
    """
    z = (y - mean) * jnp.exp(-log_scale)
    rest = z[..., 1] - correlation.rho * z[..., 0]
    squares = jnp.square(z[..., 0]) + jnp.square(rest) / correlation.complement
    normalizer = jnp.sum(log_scale, axis=-1) + 0.5 * jnp.log(correlation.complement)
    return LOG_TWO_PI + normalizer + 0.5 * squares
