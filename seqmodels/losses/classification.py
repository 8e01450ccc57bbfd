"""Cross-entropy, one value per row, and sums that exclude padding."""

import jax
import jax.numpy as jnp
import optax

from seqmodels.cells.arithmetic import at_least_float32
from seqmodels.types import Array, Bool, Float, Int, Total


def cross_entropy(
    logits: Float[Array, "*B V"], labels: Int[Array, "*B"], smoothing: float | Array = 0.0
) -> Float[Array, "*B"]:
    """Return softmax cross-entropy in nats, with label smoothing.

        -sum_v q_v log softmax(z)_v,    q = (1 - s) onehot(label) + s / V
      = logsumexp(z) - (1 - s) z_label - s mean(z)

    Szegedy et al. (2016), arXiv:1512.00567.  The loss is computed in float32, or wider if the
    logits are.

    >>> cross_entropy(jnp.zeros((1, 4)), jnp.array([2]))  # log 4
    Array([1.3862944], dtype=float32)
    >>> cross_entropy(jnp.array([40.0, 0.0]), jnp.array(0), smoothing=0.1)  # 40 s / 2
    Array(2., dtype=float32)
    """
    logits = logits.astype(at_least_float32(logits.dtype))
    sharp = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    if isinstance(smoothing, float) and smoothing == 0.0:
        return sharp
    chosen = jnp.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
    return sharp + jnp.asarray(smoothing, logits.dtype) * (chosen - jnp.mean(logits, axis=-1))


def mixture_log_probabilities(logits: Float[Array, "M *B V"]) -> Float[Array, "*B V"]:
    """Return the log-probabilities of the equally weighted mixture of M predictions.

        log 1/M sum_m softmax(z_m)

    >>> logits = jnp.log(jnp.array([[0.9, 0.1], [0.5, 0.5]]))
    >>> jnp.exp(mixture_log_probabilities(logits))
    Array([0.7, 0.3], dtype=float32)
    """
    nats = jax.nn.log_softmax(logits.astype(at_least_float32(logits.dtype)))
    return jax.nn.logsumexp(nats, axis=0) - jnp.log(jnp.asarray(len(logits), nats.dtype))


def masked_sum(values: Float[Array, "*B"], mask: Bool[Array, "*B"] | None = None) -> Total:
    """Return the sum and number of the values where the mask is True.

    >>> masked_sum(jnp.array([1.0, 2.0, jnp.nan]), jnp.array([True, True, False])).mean
    Array(1.5, dtype=float32)
    """
    if mask is None:
        return Total(jnp.sum(values), jnp.asarray(values.size, values.dtype))
    kept = jnp.where(mask, values, jnp.zeros_like(values))
    return Total(jnp.sum(kept), jnp.sum(mask, dtype=values.dtype))


def weighted_sum(values: Float[Array, "*B"], weight: Float[Array, "*B"]) -> Total:
    """Return the weighted sum of the values and the sum of the weights."""
    return Total(jnp.sum(values * weight), jnp.sum(weight))


def is_correct(scores: Float[Array, "*B V"], label: Int[Array, "*B"]) -> Float[Array, "*B"]:
    """Return 1 where the label has the highest score, otherwise 0."""
    return (jnp.argmax(scores, axis=-1) == label).astype(jnp.float32)
