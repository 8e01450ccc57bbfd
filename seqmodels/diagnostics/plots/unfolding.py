"""A classifier's answer as it unfolds: what it would say if the sequence ended here."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Shaped

from seqmodels.data.ragged import Padded
from seqmodels.models.classification.classifier import Classifier
from seqmodels.types import Params


def unfolding(
    model: Classifier,
    params: Params,
    sequence: Shaped[np.ndarray, "T *D"],
    static: Float[np.ndarray, "S"] | None = None,
) -> Float[np.ndarray, "T V"]:
    """Probabilities of the classes after each step.

    Every beginning of the sequence is an example of its own, so that it holds for models that
    read in both directions too.
    """
    length = len(sequence)
    mask = np.tri(length, dtype=bool).T  # step t belongs to beginning b >= t
    values = np.repeat(sequence[:, None], length, axis=1)
    fields: dict[str, Any] = {"x": Padded(values, mask)}
    if static is not None:
        fields["static"] = np.repeat(static[None], length, axis=0)
    logits = jax.jit(model.apply)(params, fields)
    return np.asarray(jax.nn.softmax(logits))


def draw_unfolding(
    words: Sequence[str],
    probabilities: Float[np.ndarray, "T V"],
    classes: Sequence[str],
    path: Path | str,
) -> None:
    """The probability of each class after each word; of two classes that of the second alone."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(4.0, 1.5 + 0.3 * len(words)), 3.4), layout="constrained")
    axes = figure.subplots()
    shown = range(1, 2) if len(classes) == 2 else range(len(classes))
    for number in shown:
        axes.plot(probabilities[:, number], marker="o", markersize=3, label=classes[number])
    axes.axhline(1 / len(classes), color="gray", linewidth=0.8, linestyle="--")
    axes.set_xticks(range(len(words)), words, rotation=90)
    axes.set(ylim=(-0.02, 1.02), ylabel="probability after this step")
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.savefig(path, dpi=130)
