"""Pictures of light curves and of scores by day."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from experiments.supernovae.early import EarlyScores
from experiments.supernovae.light_curves import BANDS, DAY, ERROR, FLUX, OBSERVED

COLORS = ("tab:green", "tab:red", "tab:brown", "black")


def draw_light_curve(axes: Any, nights: Float[np.ndarray, "T C"]) -> None:
    """Draw the flux in each band with its errors."""
    for number, (name, color) in enumerate(zip(BANDS, COLORS, strict=True)):
        observed = nights[:, OBSERVED][:, number] > 0
        columns = nights[:, DAY], nights[:, FLUX][:, number], nights[:, ERROR][:, number]
        day, flux, error = (column[observed] for column in columns)
        axes.errorbar(day, flux, error, fmt="o-", color=color, markersize=3, lw=0.8, label=name)
    axes.set(ylabel="flux")
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def draw_early_scores(days: Sequence[float], scores: Sequence[EarlyScores], path: Path) -> None:
    """Draw the scores as functions of the days since detection."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.0, 3.4), layout="constrained")
    axes = figure.subplots()
    labels = ("accuracy", "accuracy, Ia or not", "area under ROC, Ia")
    for label, values in zip(labels, zip(*scores, strict=True), strict=True):
        axes.plot(days, values, marker="o", markersize=3, label=label)
    axes.set(xlabel="days since detection", ylabel="score")
    axes.grid(linewidth=0.3)
    axes.legend()
    figure.savefig(path, dpi=130)
