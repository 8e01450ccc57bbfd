"""Bar chart of our time and that of other libraries: see ``benchmarks.pages``."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.rows import OURS, Row
from benchmarks.tables import GATES, variant_of

COLORS = {OURS: "#c0392b", "pytorch": "#e59866"}  # the other libraries are grey
GREY = "#b8bcc2"
LABELS = {  # from top to bottom
    OURS: "seqmodels",
    "pytorch": "PyTorch",
    "flax_nnx": "Flax NNX",
    "flax_linen": "Flax Linen",
    "haiku": "Haiku",
    "keras": "Keras",
    "equinox": "Equinox",
}


def draw(results: Mapping[str, Row], path: Path, kind: str = "gradient") -> None:
    """Draw a row of panels for each titled results file, with one panel for each cell."""
    times = {
        title: {cell: relative_times(content["grid"], cell, kind) for cell in GATES}
        for title, content in results.items()
    }
    names = {
        title: [name for name in LABELS if any(name in panel for panel in panels.values())]
        for title, panels in times.items()
    }
    heights = [len(found) + 1 for found in names.values()]
    figure = Figure(figsize=(9.5, 0.33 * sum(heights) + 0.6), layout="constrained")
    grid = figure.subplots(
        len(results), len(GATES), sharex=True, sharey="row", squeeze=False, height_ratios=heights
    )
    for line, (title, panels) in zip(grid, times.items(), strict=True):
        for axes, (cell, panel) in zip(line, panels.items(), strict=True):
            draw_bars(axes, names[title], panel)
            axes.set_title(cell.upper(), loc="left", fontsize=10)
        line[0].set_ylabel(title, fontsize=10, fontweight="bold")
    figure.suptitle(
        "Time of a forward and backward pass on a CPU, seqmodels = 1 (shorter is better)"
    )
    figure.savefig(path, dpi=110)


def relative_times(rows: list[Row], cell: str, kind: str) -> dict[str, float]:
    """Return each library's time divided by ours: the geometric mean over the plain sizes."""
    ratios: dict[str, list[float]] = {}
    for row in rows:
        if variant_of(row) == "plain" and (row["case"]["cell"], row["pass"]) == (cell, kind):
            for name, library in row["libraries"].items():
                if library["ratio"]:
                    ratios.setdefault(name, []).append(library["ratio"]["median"])
    means = {name: 1 / statistics.geometric_mean(values) for name, values in ratios.items()}
    return {OURS: 1.0} | means


def draw_bars(axes: Axes, names: Sequence[str], times: Mapping[str, float]) -> None:
    """Draw one labelled bar for each library that has a time, the first name at the top."""
    places = [place for place, name in enumerate(names) if name in times]
    colors = [COLORS.get(names[place], GREY) for place in places]
    values = [times[names[place]] for place in places]
    bars = axes.barh(places, values, color=colors, height=0.72)
    axes.bar_label(bars, fmt="%.1f", fontsize=9, padding=3)
    axes.set_yticks(range(len(names)), [LABELS[name] for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.axvline(1.0, color=COLORS[OURS], linewidth=0.8, linestyle=":")
    axes.margins(x=0.12)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(axis="both", length=0, labelsize=9, labelbottom=False)
