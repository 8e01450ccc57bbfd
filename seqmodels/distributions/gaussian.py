"""Gaussian distribution, scalar, with independent dimensions, or bivariate."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri

from seqmodels.distributions.distribution import Distribution, as_float32
from seqmodels.distributions.independent import independent
from seqmodels.distributions.location_scale import Standard, location_scale
from seqmodels.losses.gaussian import (
    Correlation,
    bivariate_gaussian_nats,
    correlation,
    gaussian_nats,
)
from seqmodels.types import Array, Float


def gaussian(features: int | None = None, floor: float = 1e-3) -> Distribution:
    """Return Gaussians with a mean and a scale for each dimension.

    floor: minimum of the scale
    """
    standard = Standard(gaussian_nats, jax.random.normal, ndtri, ndtr, jnp.sqrt)
    return independent(location_scale(standard, 2, floor), features)


class BivariateParams(NamedTuple):
    """Mean, log of the scale, and correlation of a bivariate Gaussian."""

    mean: Float[Array, "*B 2"]
    log_scale: Float[Array, "*B 2"]
    correlation: Correlation


def bivariate_gaussian(floor: float = 1e-3, correlation_floor: float = 1e-4) -> Distribution:
    """Return Gaussians of ``y [*B, 2]`` with correlated dimensions.

        scale = floor + exp(raw),    rho = sqrt(1 - correlation_floor) tanh(raw)

    The five network outputs are two means, two logarithms of scales, and the correlation.
    """

    def convert(params: Float[Array, "*B 5"]) -> BivariateParams:
        params = as_float32(params)
        log_scale = jnp.logaddexp(params[..., 2:4], math.log(floor))
        return BivariateParams(
            params[..., :2], log_scale, correlation(params[..., 4], correlation_floor)
        )

    def nats(params: Float[Array, "*B 5"], y: Float[Array, "*B 2"]) -> Float[Array, "*B"]:
        return bivariate_gaussian_nats(as_float32(y), *convert(params))

    def draw(
        key: Any, params: Float[Array, "*B 5"], temperature: float | Array = 1.0
    ) -> Float[Array, "*B 2"]:
        mean, log_scale, (rho, complement) = convert(params)
        noise = jax.random.normal(key, mean.shape, mean.dtype)
        second = rho * noise[..., 0] + jnp.sqrt(complement) * noise[..., 1]
        noise = jnp.stack([noise[..., 0], second], axis=-1)
        return mean + jnp.exp(log_scale) * (jnp.sqrt(temperature) * noise)

    def mean(params: Float[Array, "*B 5"]) -> Float[Array, "*B 2"]:
        return as_float32(params)[..., :2]

    return Distribution(5, nats, draw, mean)
