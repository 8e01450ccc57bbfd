"""Reliability diagrams: accuracy as a function of confidence."""

from pathlib import Path

import numpy as np

from seqmodels.diagnostics.errors.calibration import Calibration


def draw_reliability_diagram(calibration: Calibration, path: Path) -> None:
    """Draw the accuracy in each bin of confidence, and the number of predictions below it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 5.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    bins = len(calibration.counts)
    edges, style = np.arange(bins) / bins, {"align": "edge", "edgecolor": "white"}
    upper.bar(edges, np.nan_to_num(calibration.accuracy), 1 / bins, **style)
    upper.plot([0, 1], [0, 1], "k--", linewidth=1)  # perfect calibration
    upper.set(ylabel="accuracy", title=f"expected calibration error {calibration.error:.3f}")
    lower.bar(edges, calibration.counts, 1 / bins, color="gray", **style)
    lower.set(xlabel="confidence", ylabel="predictions", xlim=(0, 1))
    figure.savefig(path, dpi=130)
