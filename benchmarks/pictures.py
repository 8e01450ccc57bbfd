"""Ratio against size, drawn: python -m benchmarks.pictures RESULTS.json OUT.png"""

import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from benchmarks.cases import SIZES
from benchmarks.report import Row, saved
from benchmarks.tables import AGAINST, GATES, Bar, Pick, size_of, variant_of

COLORS = {"forward": "tab:blue", "gradient": "tab:orange"}
TICKS = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 2.0)


def draw(rows: list[Row], path: Path) -> None:
    """A column for each cell; above our time over the best JAX peer's, below over PyTorch's."""
    plain = [row for row in rows if variant_of(row) == "plain"]
    cells = [cell for cell in GATES if any(row["case"]["cell"] == cell for row in plain)]
    figure = Figure(figsize=(3.6 * len(cells) + 0.8, 6.4), layout="constrained")
    grid = figure.subplots(len(AGAINST), len(cells), sharex=True, sharey="row", squeeze=False)
    for line, (name, (pick, bar)) in zip(grid, AGAINST.items(), strict=True):
        for axes, cell in zip(line, cells, strict=True):
            for kind, color in COLORS.items():
                group = [r for r in plain if (r["case"]["cell"], r["pass"]) == (cell, kind)]
                draw_line(axes, group, pick, kind, color, bar(cell, kind))
        line[0].set_ylabel(f"our time / {name}'s")
    for axes, cell in zip(grid[0], cells, strict=True):
        axes.set_title(cell.upper())
    handles, labels = grid[0][-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=8)
    figure.supxlabel("B, T, H", fontsize=10)
    figure.savefig(path, dpi=130)


def draw_line(axes: Axes, rows: list[Row], pick: Pick, kind: str, color: str, bar: Bar) -> None:
    """Medians with quartiles over the sizes, by work; dashed: the mean that is aimed at."""
    places = [size for size in ordered() if any(size_of(row) == size for row in rows)]
    found = {size_of(row): pick(row["candidates"]) for row in rows}
    ratios = [(ordered().index(size), found[size]) for size in places]
    known = [(place, ratio) for place, ratio in ratios if ratio]
    xs, values = [place for place, _ in known], [ratio["median"] for _, ratio in known]
    errors = [
        [ratio["median"] - ratio["low"] for _, ratio in known],
        [ratio["high"] - ratio["median"] for _, ratio in known],
    ]
    axes.errorbar(xs, values, errors, color=color, marker="o", markersize=4, capsize=2, label=kind)
    axes.axhline(1.0, color="black", linewidth=0.8)
    if bar.mean:
        label = f"aim of the {kind}'s mean"
        axes.axhline(bar.mean, color=color, linewidth=0.8, linestyle="--", label=label)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(TICKS))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.grid(axis="y", alpha=0.3)
    axes.set_xticks(range(len(SIZES)), ordered(), rotation=60, ha="right", fontsize=8)


def ordered() -> list[str]:
    """The sizes by the work of a sequence."""
    work = sorted(SIZES, key=lambda size: size[0] * size[1] * size[2] ** 2)
    return [", ".join(map(str, size)) for size in work]


if __name__ == "__main__":
    draw(saved(Path(sys.argv[1]))["rows"], Path(sys.argv[2]))
