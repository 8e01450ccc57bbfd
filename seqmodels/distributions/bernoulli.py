"""Independent Bernoulli variables."""

from typing import Any

import jax
import optax
from jaxtyping import Shaped

from seqmodels.distributions.distribution import Distribution, as_float32
from seqmodels.distributions.independent import independent
from seqmodels.types import Array, Float


def bernoulli(features: int | None = None) -> Distribution:
    """Return the distribution of ``y = 0`` or ``1`` with ``p(y = 1) = sigmoid(params)``.

    y may have any dtype; draws are float32.
    """

    def nats(params: Float[Array, "*B 1"], y: Shaped[Array, "*B"]) -> Float[Array, "*B"]:
        logit = as_float32(params)[..., 0]
        return optax.sigmoid_binary_cross_entropy(logit, y.astype(logit.dtype))

    def draw(
        key: Any, params: Float[Array, "*B 1"], temperature: float | Array = 1.0
    ) -> Float[Array, "*B"]:
        return draw_bit(key, as_float32(params)[..., 0], temperature)

    def mean(params: Float[Array, "*B 1"]) -> Float[Array, "*B"]:
        return jax.nn.sigmoid(as_float32(params)[..., 0])

    return independent(Distribution(1, nats, draw, mean), features)


def draw_bit(key: Any, logit: Float[Array, "*B"], temperature: float | Array) -> Float[Array, "*B"]:
    """Draw 1 with probability ``sigmoid(logit / temperature)``, otherwise 0."""
    noise = jax.random.logistic(key, logit.shape, logit.dtype)
    return (logit + temperature * noise > 0.0).astype(logit.dtype)
