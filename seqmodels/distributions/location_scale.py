"""Families of the form ``y = location + scale z``."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.distributions.distribution import Distribution, Levels, align_levels, as_float32
from seqmodels.errors import UserError
from seqmodels.types import Array, Float


class Standard(NamedTuple):
    """The equations of a family; ``shape`` is ``()``, or further parameters such as (df,).

    nats:     ``(y, location, scale, *shape) -> nats``
    noise:    ``(key, *shape, axes, dtype) -> z``, a draw with these axes
    quantile: ``(levels, *shape) -> z``
    cdf:      ``(z, *shape) -> levels``
    spread:   ``(temperature) -> factor`` of the scale
    shape:    ``(params) -> shape``
    """

    nats: Callable[..., Array]
    noise: Callable[..., Array]
    quantile: Callable[..., Array]
    cdf: Callable[..., Array]
    spread: Callable[[Any], Any]
    shape: Callable[[Array], tuple[Array, ...]] = lambda params: ()


class LocationScale(NamedTuple):
    """The location and the scale of a distribution."""

    location: Float[Array, "*B"]
    scale: Float[Array, "*B"]


def location_scale(standard: Standard, size: int, floor: float) -> Distribution:
    """Return the family from its equations.

        scale = floor + softplus(raw + c), where c makes the scale 1 at raw = 0

    size: number of network outputs; the first is the location, the second the raw scale
    """
    if not 0.0 < floor < 1.0:
        raise UserError(f"the floor of the scale must be between 0 and 1, not {floor}")
    offset = math.log(math.expm1(1.0 - floor))

    def convert(params: Float[Array, "*B P"]) -> LocationScale:
        params = as_float32(params)
        return LocationScale(params[..., 0], floor + jax.nn.softplus(params[..., 1] + offset))

    def nats(params: Float[Array, "*B P"], y: Float[Array, "*B"]) -> Float[Array, "*B"]:
        return standard.nats(as_float32(y), *convert(params), *standard.shape(params))

    def draw(
        key: Any, params: Float[Array, "*B P"], temperature: float | Array = 1.0
    ) -> Float[Array, "*B"]:
        location, scale = convert(params)
        noise = standard.noise(key, *standard.shape(params), location.shape, location.dtype)
        return location + scale * (standard.spread(temperature) * noise)

    def mean(params: Float[Array, "*B P"]) -> Float[Array, "*B"]:
        return convert(params).location

    def quantile(params: Float[Array, "*B P"], levels: Levels) -> Float[Array, "*B L"]:
        location, scale = convert(params)
        levels, *shape = jnp.broadcast_arrays(
            align_levels(levels, location), *(a[..., None] for a in standard.shape(params))
        )
        return location[..., None] + scale[..., None] * standard.quantile(levels, *shape)

    def cdf(params: Float[Array, "*B P"], y: Float[Array, "*B"]) -> Float[Array, "*B"]:
        location, scale = convert(params)
        return standard.cdf((as_float32(y) - location) / scale, *standard.shape(params))

    return Distribution(size, nats, draw, mean, quantile, cdf)
