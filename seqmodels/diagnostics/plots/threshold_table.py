"""Tables of numbers, colored by whether they are below a threshold."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np


def draw_threshold_table(
    values: Mapping[tuple[str, int], float],
    path: Path | str,
    title: str,
    xlabel: str,
    threshold: float,
) -> None:
    """Draw positive values by (row, column): green below the threshold, red above it.

    Rows keep the order of ``values``. A missing or NaN value leaves its cell white.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    rows = list(dict.fromkeys(row for row, _ in values))
    columns = sorted({column for _, column in values})
    table = np.array([[values.get((row, column), np.nan) for column in columns] for row in rows])
    size = (max(6.4, 2.5 + 0.9 * len(columns)), 1.4 + 0.34 * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    # The geometric mean of the two ends is the threshold, where the color map changes.
    norm = LogNorm(threshold**2, 1.0) if threshold < 1 else LogNorm(1.0, threshold**2)
    axes.imshow(table, cmap="RdYlGn_r", norm=norm, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            text = f"{value:.2g}" if value < 9.5 else f"{value:.0f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=9)
    axes.set_xticks(range(len(columns)), [str(column) for column in columns])
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel(xlabel)
    axes.set_title(title, fontsize=10)
    figure.savefig(path, dpi=130)
