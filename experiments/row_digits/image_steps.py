"""Images as sequences of rows or pixels."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from seqmodels.models.classification.classifier import Classifier, Fields
from seqmodels.types import Array, Float, Params


def image_steps(
    images: UInt8[Array | np.ndarray, "B height width"], order: str
) -> Float[Array, "B T D"]:
    """Return brightness from 0 to 1, by rows, by pixels, or by pixels in one random order."""
    values = jnp.asarray(images).astype(jnp.float32) / jnp.float32(255.0)
    if order == "rows":
        return values
    pixels = values.reshape(len(values), -1, 1)
    if order == "pixels":
        return pixels
    return pixels[:, np.random.default_rng(0).permutation(pixels.shape[1])]


def on_images(model: Classifier, order: str) -> Classifier:
    """Return the classifier of images ``x`` that applies a classifier of sequences to them."""

    def apply(params: Params, fields: Fields, key: jax.Array | None = None) -> Any:
        return model.apply(params, {**fields, "x": image_steps(fields["x"], order)}, key)

    return Classifier(model.init, apply)
