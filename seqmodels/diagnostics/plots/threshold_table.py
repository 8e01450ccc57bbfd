"""One number for each pair of a row and a column, as a coloured table."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np


def draw_grid(
    values: Mapping[tuple[str, int], float],
    path: Path | str,
    title: str,
    columns: str,
    threshold: float,
) -> None:
    """A table of positive values by (row, column): green below the threshold, red above.

    Rows stand in the order in which they come; a pair that is missing, or no number, stays white.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    rows = list(dict.fromkeys(row for row, _ in values))
    heads = sorted({column for _, column in values})
    table = np.array([[values.get((row, head), np.nan) for head in heads] for row in rows])
    size = (max(6.4, 2.5 + 0.9 * len(heads)), 1.4 + 0.34 * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    # The colours turn at the threshold: it is the geometric mean of the two ends.
    norm = LogNorm(threshold**2, 1.0) if threshold < 1 else LogNorm(1.0, threshold**2)
    axes.imshow(table, cmap="RdYlGn_r", norm=norm, aspect="auto")
    for place, value in np.ndenumerate(table):
        if np.isfinite(value):
            shown = f"{value:.2g}" if value < 9.5 else f"{value:.0f}"
            axes.text(place[1], place[0], shown, ha="center", va="center", fontsize=9)
    axes.set_xticks(range(len(heads)), [str(head) for head in heads])
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel(columns)
    axes.set_title(title, fontsize=10)
    figure.savefig(path, dpi=130)
