"""Images as sequences, for classifiers that read them step by step."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from seqmodels.models.classification.classifier import Classifier, Fields
from seqmodels.types import Array, Float, Params


def sequence(
    images: UInt8[Array | np.ndarray, "B height width"], order: str
) -> Float[Array, "B T D"]:
    """Brightness from 0 to 1, by rows, by pixels, or by pixels in one permuted order."""
    values = jnp.asarray(images).astype(jnp.float32) / jnp.float32(255.0)
    if order == "rows":
        return values
    pixels = values.reshape(len(values), -1, 1)
    if order == "pixels":
        return pixels
    return pixels[:, np.random.default_rng(0).permutation(pixels.shape[1])]


def of_images(model: Classifier, order: str) -> Classifier:
    """A classifier of sequences for batches of images ``x``."""

    def apply(params: Params, fields: Fields, key: jax.Array | None = None) -> Any:
        return model.apply(params, {**fields, "x": sequence(fields["x"], order)}, key)

    return Classifier(model.init, apply)
