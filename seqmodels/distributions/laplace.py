"""Laplace distribution."""

import jax
import jax.numpy as jnp

from seqmodels.distributions.distribution import Distribution
from seqmodels.distributions.independent import independent
from seqmodels.distributions.location_scale import Standard, location_scale
from seqmodels.losses.laplace import laplace_nats
from seqmodels.types import Array, Float


def laplace(features: int | None = None, floor: float = 1e-3) -> Distribution:
    """Return Laplace distributions with a mean and a scale for each dimension.

    floor: minimum of the scale
    """
    standard = Standard(laplace_nats, jax.random.laplace, _quantile, _cdf, lambda t: t)
    return independent(location_scale(standard, 2, floor), features)


def _quantile(levels: Float[Array, "*B"]) -> Float[Array, "*B"]:
    centred = levels - 0.5
    return -jnp.sign(centred) * jnp.log1p(-2.0 * jnp.abs(centred))


def _cdf(z: Float[Array, "*B"]) -> Float[Array, "*B"]:
    tail = 0.5 * jnp.exp(-jnp.abs(z))
    return jnp.where(z < 0.0, tail, 1.0 - tail)
