"""Distribution of pen movements: a mixture of bivariate Gaussians, and a bit for the pen."""

from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.distributions.bernoulli import bernoulli
from seqmodels.distributions.distribution import Distribution, as_float32, split_params
from seqmodels.distributions.gaussian import bivariate_gaussian
from seqmodels.distributions.mixture import mixture
from seqmodels.types import Array, Float


def pen_mixture(
    components: int,
    bias: float | Array = 0.0,
    floor: float = 1e-3,
    correlation_floor: float = 1e-4,
) -> Distribution:
    """Return the distribution of ``y = (dx, dy, pen)``; Graves (2013), arXiv:1308.0850.

    The network outputs are the logit of ``pen = 1``, the logits of the components, and for each
    component two means, two logarithms of scales, and a correlation.

    bias:  of Graves (2013), for ``draw`` only: it multiplies the logits of the components by
           1 + b, and their scales by exp(-b), down to the floor. The pen is unchanged.
    floor: minimum of the scales; correlations have ``1 - rho^2 >= correlation_floor``

    Temperature and bias combine.  With bias 0, a temperature T divides all logits by T and
    multiplies the scales by sqrt(T), as in Ha and Eck (2017).  For the weights of the components,
    b has the effect of ``T = 1 / (1 + b)``.
    """
    position = mixture(bivariate_gaussian(floor, correlation_floor), components)
    pen = bernoulli()

    def nats(params: Float[Array, "*B P"], y: Float[Array, "*B 3"]) -> Float[Array, "*B"]:
        return position.nats(params[..., 1:], y[..., :2]) + pen.nats(params[..., :1], y[..., 2])

    def draw(
        key: Any, params: Float[Array, "*B P"], temperature: float | Array = 1.0
    ) -> Float[Array, "*B 3"]:
        key_position, key_pen = jax.random.split(key)
        moved = position.draw(key_position, _biased(params[..., 1:], components, bias), temperature)
        bit = pen.draw(key_pen, params[..., :1], temperature)
        return jnp.concatenate([moved, bit[..., None]], axis=-1)

    def mean(params: Float[Array, "*B P"]) -> Float[Array, "*B 3"]:
        assert position.mean is not None
        assert pen.mean is not None
        bit = pen.mean(params[..., :1])
        return jnp.concatenate([position.mean(params[..., 1:]), bit[..., None]], axis=-1)

    return Distribution(1 + position.size, nats, draw, mean)


def _biased(params: Float[Array, "*B P"], components: int, bias: Any) -> Float[Array, "*B P"]:
    """Multiply the logits by 1 + b and subtract b from the logarithms of the scales."""
    params = as_float32(params)
    bias = jnp.asarray(bias, params.dtype)
    logits, inner = params[..., :components], split_params(params[..., components:], components)
    narrowed = inner.at[..., 2:4].add(-bias).reshape(params[..., components:].shape)
    return jnp.concatenate([logits * (1.0 + bias), narrowed], axis=-1)
