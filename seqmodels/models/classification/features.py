"""One to one: features in, one answer out, and no sequence between."""

from collections.abc import Sequence
from typing import Any

import jax

from seqmodels.layers.mlp import mlp
from seqmodels.models.classification.classifier import Classifier, Fields
from seqmodels.noise import Rate
from seqmodels.types import Array, Params


def feature_classifier(sizes: Sequence[int], dropout: Rate = 0.0) -> Classifier:
    """A perceptron of these ``sizes`` over ``fields["static"]``; it reads no sequence."""
    layers = mlp(sizes, dropout)

    def apply(params: Params, fields: Fields, key: Any = None) -> Array:
        return layers.apply(params, jax.numpy.asarray(fields["static"]), key=key)

    return Classifier(layers.init, apply)
