"""Pinball loss of quantiles."""

import jax.numpy as jnp

from seqmodels.types import Array, Float


def pinball(
    y: Float[Array, "*B"], quantiles: Float[Array, "*B L"], levels: Float[Array, " L"]
) -> Float[Array, "*B"]:
    """Return the pinball loss, the mean over the levels.

        mean_l max(p_l (y - q_l), (p_l - 1)(y - q_l))

    The quantile of level p minimizes its expectation; Koenker and Bassett (1978), "Regression
    quantiles".  For evenly spaced levels, twice the loss approximates the CRPS.

    >>> pinball(jnp.array(3.0), jnp.array([1.0, 4.0]), jnp.array([0.5, 0.9]))  # (1 + 0.1) / 2
    Array(0.55, dtype=float32)
    """
    error = y[..., None] - quantiles
    levels = jnp.broadcast_to(levels, error.shape)
    return jnp.mean(jnp.maximum(levels * error, (levels - 1.0) * error), axis=-1)
