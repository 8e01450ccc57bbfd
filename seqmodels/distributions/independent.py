"""Independent dimensions of one scalar family."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Shaped

from seqmodels.distributions.distribution import Distribution, split_params
from seqmodels.types import Array, Float


def independent(scalar: Distribution, features: int | None) -> Distribution:
    """Return the distribution of vectors ``[*B, D]`` whose D dimensions are independent.

        -log p(y) = -sum_d log p(y_d)

    The network outputs are ordered by dimension.  With ``features=None``, y is a scalar.
    """
    if features is None:
        return scalar

    def nats(params: Float[Array, "*B P"], y: Shaped[Array, "*B D"]) -> Float[Array, "*B"]:
        return jnp.sum(scalar.nats(split_params(params, features), y), axis=-1)

    def draw(key: Any, params: Float[Array, "*B P"], temperature: float | Array = 1.0) -> Array:
        return scalar.draw(key, split_params(params, features), temperature)

    def per_dimension(function: Callable | None) -> Any:
        if function is None:
            return None
        return lambda params, *arguments: function(split_params(params, features), *arguments)

    return scalar._replace(
        size=features * scalar.size,
        nats=nats,
        draw=draw,
        mean=per_dimension(scalar.mean),
        quantile=per_dimension(scalar.quantile),
        cdf=per_dimension(scalar.cdf),
    )
