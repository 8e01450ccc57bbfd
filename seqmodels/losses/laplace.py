"""Negative log density of the Laplace distribution."""

import math

import jax.numpy as jnp

from seqmodels.types import Array, Float


def laplace_nats(
    y: Float[Array, "*B"], mean: Float[Array, "*B"], scale: Float[Array, "*B"]
) -> Float[Array, "*B"]:
    """Return the negative log density of the Laplace distribution.

        |y - mean| / scale + log(2 scale)

    >>> laplace_nats(jnp.array([3.0]), jnp.array([1.0]), jnp.array([2.0]))  # 1 + log 4
    Array([2.3862944], dtype=float32)
    """
    return jnp.abs(y - mean) / scale + jnp.log(scale) + math.log(2.0)
