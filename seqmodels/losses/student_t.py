"""Negative log density of Student's t distribution."""

import jax.numpy as jnp
from jax.scipy.special import betaln

from seqmodels.types import Array, Float


def student_t_nats(
    y: Float[Array, "*B"],
    location: Float[Array, "*B"],
    scale: Float[Array, "*B"],
    df: Float[Array, "*B"],
) -> Float[Array, "*B"]:
    """Return the negative log density of Student's t distribution.

        (df + 1)/2 log(1 + z^2/df) + log B(1/2, df/2) + log(df)/2 + log scale

    Here ``z = (y - location) / scale``.  The beta function B keeps its digits at large df, where
    the difference of two log-gamma functions would lose them.

    >>> zero, one = jnp.zeros(1), jnp.ones(1)
    >>> student_t_nats(one, zero, one, one)  # Cauchy: log(2 pi) = 1.837877
    Array([1.8378763], dtype=float32)
    """
    z = (y - location) / scale
    tail = 0.5 * (df + 1.0) * jnp.log1p(jnp.square(z) / df)
    half = jnp.full_like(df, 0.5)
    return tail + betaln(half, 0.5 * df) + 0.5 * jnp.log(df) + jnp.log(scale)
