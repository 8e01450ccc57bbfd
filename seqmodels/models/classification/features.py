"""MLP classifier for fixed-size features."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from seqmodels.layers.mlp import mlp
from seqmodels.models.classification.classifier import Classifier, Fields
from seqmodels.noise import Rate
from seqmodels.types import Array, Params


def feature_classifier(sizes: Sequence[int], dropout: Rate = 0.0) -> Classifier:
    """Return an MLP of these sizes over ``fields["static"]``; sequences are ignored."""
    layers = mlp(sizes, dropout)

    def apply(params: Params, fields: Fields, key: Any = None) -> Array:
        return layers.apply(params, jnp.asarray(fields["static"]), key=key)

    return Classifier(layers.init, apply)
