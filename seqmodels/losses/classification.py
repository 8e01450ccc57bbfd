"""Losses, one value for each row; ``masked_sum`` leaves padding out of the mean."""

from typing import NamedTuple

import jax.numpy as jnp
import optax

from seqmodels.cells.build import wide
from seqmodels.types import Array, Bool, Float, Int


class Total(NamedTuple):
    """A sum and its number of terms: sums over batches of unequal size give an exact mean."""

    total: Float[Array, ""]
    number: Float[Array, ""]

    @property
    def mean(self) -> Float[Array, ""]:
        """Total by number; zero where nothing was counted."""
        return self.total / jnp.maximum(self.number, 1.0)


def cross_entropy(
    logits: Float[Array, "*B V"], labels: Int[Array, "*B"], smoothing: float | Array = 0.0
) -> Float[Array, "*B"]:
    """Softmax cross-entropy in nats, against targets smoothed towards the uniform distribution.

        -sum_v q_v log softmax(z)_v,    q = (1 - s) onehot(label) + s / V
      = logsumexp(z) - (1 - s) z_label - s mean(z)

    Szegedy et al. (2016), arXiv:1512.00567.  Computed in float32, or wider where the logits are.

    >>> cross_entropy(jnp.zeros((1, 4)), jnp.array([2]))  # log 4
    Array([1.3862944], dtype=float32)
    >>> cross_entropy(jnp.array([40.0, 0.0]), jnp.array(0), smoothing=0.1)  # s/2 of the way to 40
    Array(2., dtype=float32)
    """
    logits = logits.astype(wide(logits.dtype))
    sharp = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    if isinstance(smoothing, float) and smoothing == 0.0:
        return sharp
    chosen = jnp.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
    return sharp + jnp.asarray(smoothing, logits.dtype) * (chosen - jnp.mean(logits, axis=-1))


def masked_sum(values: Float[Array, "*B"], mask: Bool[Array, "*B"] | None = None) -> Total:
    """Sum and number of the values where the mask is True.

    >>> masked_sum(jnp.array([1.0, 2.0, jnp.nan]), jnp.array([True, True, False])).mean
    Array(1.5, dtype=float32)
    """
    if mask is None:
        return Total(jnp.sum(values), jnp.asarray(values.size, values.dtype))
    kept = jnp.where(mask, values, jnp.zeros_like(values))
    return Total(jnp.sum(kept), jnp.sum(mask, dtype=values.dtype))
