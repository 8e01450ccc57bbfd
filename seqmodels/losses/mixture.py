"""Negative log density of a mixture."""

import jax
from jax.nn import log_softmax

from seqmodels.types import Array, Float


def mixture_nats(logits: Float[Array, "*B K"], nats: Float[Array, "*B K"]) -> Float[Array, "*B"]:
    """Return the negative log density of a mixture from those of its components.

        -log sum_k softmax(logits)_k exp(-nats_k)

    >>> import jax.numpy as jnp
    >>> mixture_nats(jnp.zeros(2), jnp.array([0.0, 1e9]))  # half of a density of one: log 2
    Array(0.6931472, dtype=float32)
    """
    return -jax.nn.logsumexp(log_softmax(logits, axis=-1) - nats, axis=-1)
