"""Confusion matrices."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int


def draw_confusion_matrix(
    labels: Int[np.ndarray, "N"],
    predictions: Int[np.ndarray, "N"],
    classes: Sequence[str],
    path: Path,
) -> None:
    """Draw the number of examples by label (row) and prediction (column).

    The color of a cell is its fraction of the row.
    """
    from matplotlib.figure import Figure
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(labels, predictions, labels=range(len(classes)))
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 1.8 + 0.42 * len(classes)
    figure = Figure(figsize=(size + 1.0, size), layout="constrained")
    axes = figure.subplots()
    axes.imshow(fractions, cmap="Blues", vmin=0.0, vmax=1.0)
    axes.set_xticks(range(len(classes)), classes, rotation=90)
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="prediction", ylabel="label")
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if fractions[row, column] > 0.5 else "black"
        if count:
            axes.text(column, row, count, ha="center", va="center", fontsize=8, color=color)
    figure.savefig(path, dpi=130)
