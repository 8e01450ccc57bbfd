"""Predictions of a classifier for every prefix of a sequence."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Shaped

from seqmodels.data.ragged import Padded
from seqmodels.models.classification.classifier import Classifier
from seqmodels.types import Params


def prefix_probabilities(
    model: Classifier,
    params: Params,
    sequence: Shaped[np.ndarray, "T *D"],
    static: Float[np.ndarray, "S"] | None = None,
) -> Float[np.ndarray, "T V"]:
    """Return the class probabilities if the sequence ended after each step.

    Every prefix is a separate example, so that this also holds for bidirectional models.
    """
    length = len(sequence)
    mask = np.tri(length, dtype=bool).T  # step t belongs to prefix b >= t
    values = np.repeat(sequence[:, None], length, axis=1)
    fields: dict[str, Any] = {"x": Padded(values, mask)}
    if static is not None:
        fields["static"] = np.repeat(static[None], length, axis=0)
    logits = jax.jit(model.apply)(params, fields)
    return np.asarray(jax.nn.softmax(logits))
