"""Categorical distribution over classes or tokens."""

from typing import Any

from seqmodels.distributions.distribution import Distribution, as_float32, draw_index
from seqmodels.distributions.independent import independent
from seqmodels.losses.classification import cross_entropy
from seqmodels.types import Array, Float, Int


def categorical(classes: int, features: int | None = None) -> Distribution:
    """Return the distribution ``softmax(params)`` over integers ``0 ... classes - 1``."""

    def draw(
        key: Any, params: Float[Array, "*B V"], temperature: float | Array = 1.0
    ) -> Int[Array, "*B"]:
        return draw_index(key, as_float32(params), temperature)

    return independent(Distribution(classes, cross_entropy, draw), features)
