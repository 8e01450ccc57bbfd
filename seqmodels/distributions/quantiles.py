"""Quantiles of a scalar, trained by the pinball loss."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.distributions.distribution import Distribution, Levels, align_levels, as_float32
from seqmodels.distributions.independent import independent
from seqmodels.errors import UserError
from seqmodels.losses.pinball import pinball
from seqmodels.types import Array, Float

ROWS = "(n),(k),(k)->(n)"
_interpolate = jnp.vectorize(jnp.interp, signature=ROWS)
_level = jnp.vectorize(partial(jnp.interp, left=0.0, right=1.0), signature=ROWS)


def quantiles(levels: Sequence[float], features: int | None = None) -> Distribution:
    """Return the distribution given by its quantiles at these levels.

        q_1 = raw_1,    q_l = q_{l-1} + softplus(raw_l)

    The quantiles cannot cross.  Quantiles between the levels are interpolated linearly; beyond the
    first and last level they are constant.  Draws, the mean and the CDF are those of this
    interpolation.

    ``nats`` is the pinball loss, which is not a log-likelihood and not in nats: it has the unit of
    y, and its value depends on the levels.  A temperature T draws the level
    ``sigmoid(T logit(u))`` with u uniform, so that T = 0 gives the median.
    """
    grid = tuple(float(level) for level in levels)
    if not grid or list(grid) != sorted(set(grid)) or grid[0] <= 0.0 or grid[-1] >= 1.0:
        raise UserError(f"the levels must increase strictly between 0 and 1, not {grid}")

    def nats(params: Float[Array, "*B K"], y: Float[Array, "*B"]) -> Float[Array, "*B"]:
        points = _values(params)
        return pinball(as_float32(y), points, jnp.asarray(grid, points.dtype))

    def draw(
        key: Any, params: Float[Array, "*B K"], temperature: float | Array = 1.0
    ) -> Float[Array, "*B"]:
        points = _values(params)
        logit = jax.random.logistic(key, (*points.shape[:-1], 1), points.dtype)
        level = jax.nn.sigmoid(temperature * logit)
        return _interpolate(level, _rows(grid, points), points)[..., 0]

    def mean(params: Float[Array, "*B K"]) -> Float[Array, "*B"]:
        points = _values(params)
        inner = jnp.trapezoid(points, jnp.asarray(grid, points.dtype), axis=-1)
        return grid[0] * points[..., 0] + inner + (1.0 - grid[-1]) * points[..., -1]

    def quantile(params: Float[Array, "*B K"], levels: Levels) -> Float[Array, "*B L"]:
        points = _values(params)
        levels = align_levels(levels, points[..., 0])
        return _interpolate(levels, _rows(grid, points), points)

    def cdf(params: Float[Array, "*B K"], y: Float[Array, "*B"]) -> Float[Array, "*B"]:
        points = _values(params)
        return _level(as_float32(y)[..., None], points, _rows(grid, points))[..., 0]

    scalar = Distribution(len(grid), nats, draw, mean, quantile, cdf, is_likelihood=False)
    return independent(scalar, features)


def _values(params: Float[Array, "*B K"]) -> Float[Array, "*B K"]:
    """Return the quantiles at the levels of the grid."""
    params = as_float32(params)
    steps = jax.nn.softplus(params[..., 1:])
    return jnp.cumsum(jnp.concatenate([params[..., :1], steps], axis=-1), axis=-1)


def _rows(grid: tuple[float, ...], like: Float[Array, "*B K"]) -> Float[Array, "*B K"]:
    return jnp.broadcast_to(jnp.asarray(grid, like.dtype), like.shape)
