"""Pictures of what a classifier gets wrong."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from seqmodels.diagnostics.errors.calibration import Reliability


def draw_confusion(
    labels: Int[np.ndarray, "N"], answers: Int[np.ndarray, "N"], classes: Sequence[str], path: Path
) -> None:
    """Row: the label; column: the answer; shade: share of the row; number: examples."""
    from matplotlib.figure import Figure
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(labels, answers, labels=range(len(classes)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 1.8 + 0.42 * len(classes)
    figure = Figure(figsize=(size + 1.0, size), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    axes.set_xticks(range(len(classes)), classes, rotation=90)
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="answer", ylabel="label")
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.5 else "black"
        if count:
            axes.text(column, row, count, ha="center", va="center", fontsize=7, color=color)
    figure.savefig(path, dpi=130)


def draw_reliability(found: Reliability, path: Path) -> None:
    """Accuracy over confidence, beside the diagonal where the two are equal; and how many."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 5.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    bins = len(found.counts)
    edges = np.arange(bins) / bins
    upper.bar(edges, np.nan_to_num(found.accuracy), 1 / bins, align="edge", edgecolor="white")
    upper.plot([0, 1], [0, 1], "k--", linewidth=1)
    upper.set(ylabel="accuracy", title=f"expected calibration error {found.error:.3f}")
    lower.bar(edges, found.counts, 1 / bins, align="edge", edgecolor="white", color="gray")
    lower.set(xlabel="confidence", ylabel="answers", xlim=(0, 1))
    figure.savefig(path, dpi=130)
