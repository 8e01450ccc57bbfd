"""Student's t distribution with fixed or learned degrees of freedom."""

import jax
import jax.numpy as jnp
from jax.scipy.special import betainc

from seqmodels.distributions.distribution import Distribution, as_float32, bisect
from seqmodels.distributions.independent import independent
from seqmodels.distributions.location_scale import Standard, location_scale
from seqmodels.errors import UserError
from seqmodels.losses.student_t import student_t_nats
from seqmodels.types import Array, Float


def student_t(
    features: int | None = None, df: float | None = None, floor: float = 1e-3
) -> Distribution:
    """Return Student's t distributions with a location and a scale for each dimension.

    df:    degrees of freedom; None learns ``df = 2 + softplus(raw)``, which has a finite variance
    floor: minimum of the scale

    A temperature T multiplies the scale by sqrt(T).  The density to the power 1/T cannot be
    normalized for T >= df + 1.
    """
    if df is not None and df <= 0.0:
        raise UserError(f"the degrees of freedom must be positive, not {df}")

    def shape(params: Float[Array, "*B P"]) -> tuple[Float[Array, "*B"]]:
        params = as_float32(params)
        if df is not None:
            return (jnp.full_like(params[..., 0], df),)
        return (2.0 + jax.nn.softplus(params[..., 2]),)

    standard = Standard(student_t_nats, jax.random.t, _quantile, _cdf, jnp.sqrt, shape)
    scalar = location_scale(standard, 3 if df is None else 2, floor)
    if df is not None and df <= 1.0:
        scalar = scalar._replace(mean=None)
    return independent(scalar, features)


def _quantile(levels: Float[Array, "*B"], df: Float[Array, "*B"]) -> Float[Array, "*B"]:
    """Return quantiles by bisection; sinh keeps their relative precision at any size."""
    bound = jnp.full_like(levels, 40.0)
    u = bisect(lambda u: _cdf(jnp.sqrt(df) * jnp.sinh(u), df), levels, -bound, bound)
    return jnp.sqrt(df) * jnp.sinh(u)


def _cdf(z: Float[Array, "*B"], df: Float[Array, "*B"]) -> Float[Array, "*B"]:
    """Return the CDF of a location of 0 and a scale of 1.

    1/2 + sign(z) I_s(1/2, df/2) / 2,       s = z^2 / (df + z^2), for s < 1/2
    1 - I_{1-s}(df/2, 1/2) / 2 for z > 0,   I_{1-s}(df/2, 1/2) / 2 for z < 0
    """
    squared, half = jnp.square(z), jnp.full_like(df, 0.5)
    central = squared < df
    share = jnp.where(central, squared, df) / (df + squared)
    a, b = jnp.where(central, half, 0.5 * df), jnp.where(central, 0.5 * df, half)
    incomplete = 0.5 * betainc(a, b, share)
    tail = jnp.where(z < 0.0, incomplete, 1.0 - incomplete)
    return jnp.where(central, 0.5 + jnp.sign(z) * incomplete, tail)
