"""Results of a sweep: a printed table, a CSV file, and a figure."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from seqmodels.train.config import Metric
from seqmodels.train.experiment import BaselineScore
from seqmodels.train.records import Record
from seqmodels.train.sweep.points import Point


class Row(NamedTuple):
    """One member: its point, its best and last evaluation, and its status."""

    member: int
    point: Point
    best: float
    step: int
    last: float
    status: str


def leaderboard(points: Sequence[Point], records: Sequence[Record], metric: Metric) -> list[Row]:
    """Return all members, best first, from the records."""
    rows = [_row(member, point, records, metric) for member, point in enumerate(points)]
    return sorted(rows, key=lambda row: (math.isnan(row.best), metric.signed(row.best)))


def _row(member: int, point: Point, records: Sequence[Record], metric: Metric) -> Row:
    own = [record for record in records if record.get("member") == member]
    dev = [record for record in own if record["split"] == "dev"]
    finite = [record for record in dev if math.isfinite(record[metric.name])]
    best = min(finite, key=lambda record: metric.signed(record[metric.name]), default=None)
    ends = [record for record in own if record["split"] in ("diverged", "dropped")]
    copies = [record for record in own if record["split"] == "copied"]
    steps = [record["step"] for record in own]
    status = (
        f"{ends[-1]['split']} at {ends[-1]['step']}"
        if ends
        else f"trained to {max(steps, default=0)}"
    )
    if copies:
        status += "".join(f", from {copy['parent']} at {copy['step']}" for copy in copies)
    return Row(
        member,
        point,
        best[metric.name] if best else math.nan,
        best["step"] if best else 0,
        dev[-1][metric.name] if dev else math.nan,
        status,
    )


def print_rows(
    rows: Sequence[Row], metric: Metric, count: int = 20, console: Console | None = None
) -> None:
    """Print the best rows."""
    names = _names(rows)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("rank", "member", *names, f"best {metric.name}", "step", "last", "status"):
        table.add_column(title, justify="left" if title == "status" else "right", no_wrap=True)
    for rank, row in enumerate(rows[:count], 1):
        numbers = [f"{row.best:.4f}", str(row.step), f"{row.last:.4f}", row.status]
        point = [_short(row.point.get(name)) for name in names]
        table.add_row(str(rank), str(row.member), *point, *numbers)
    console = console or Console()
    if not console.is_terminal:
        console.width = 160  # room for every column in a file
    console.print(table)
    if len(rows) > count:
        console.print(f"... and {len(rows) - count} more")


def write_csv(rows: Sequence[Row], metric: Metric, path: Path) -> None:
    """Write all rows, best first."""
    names = _names(rows)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        head = (
            "rank",
            "member",
            *names,
            f"best_{metric.name}",
            "step",
            f"last_{metric.name}",
            "status",
        )
        writer.writerow(head)
        for rank, row in enumerate(rows, 1):
            point = [row.point.get(name) for name in names]
            writer.writerow([rank, row.member, *point, row.best, row.step, row.last, row.status])


def draw_sweep(
    rows: Sequence[Row],
    records: Sequence[Record],
    metric: Metric,
    baseline: BaselineScore | None,
    path: Path,
) -> None:
    """Save the figure of ``sweep_figure``."""
    sweep_figure(rows, records, metric, baseline).savefig(path, dpi=120)


def sweep_figure(
    rows: Sequence[Row],
    records: Sequence[Record],
    metric: Metric,
    baseline: BaselineScore | None = None,
):
    """Draw all dev curves above, and the best value against each swept flag below."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    names = _names(rows)
    figure = Figure(figsize=(max(7, 3.2 * len(names)), 7), layout="constrained")
    grid = figure.add_gridspec(2, max(len(names), 1))
    curves = figure.add_subplot(grid[0, :])
    for rank, row in enumerate(rows):
        own = [r for r in records if r.get("member") == row.member and r["split"] == "dev"]
        points = [(r["step"], r[metric.name]) for r in own]
        color = colormaps["viridis"](rank / max(len(rows) - 1, 1))
        if points:
            curves.plot(*zip(*points, strict=True), "o-", color=color, markersize=2, linewidth=1)
    curves.set(xlabel="step", ylabel=f"dev {metric.name} (dark: best members)")
    if baseline is not None:
        curves.axhline(baseline.value, color="grey", linestyle=":", label=baseline.name)
        curves.legend()
    for column, name in enumerate(names):
        axes = figure.add_subplot(grid[1, column])
        _against(axes, name, rows)
        axes.set(xlabel=name, ylabel=f"best {metric.name}")
    return figure


def _against(axes: Any, name: str, rows: Sequence[Row]) -> None:
    values: list[Any] = [row.point.get(name) for row in rows]
    numeric = all(isinstance(value, int | float) for value in values)
    axes.plot(
        values if numeric else [str(v) for v in values], [row.best for row in rows], "o", alpha=0.6
    )
    if numeric and min(values) > 0 and max(values) >= 10 * min(values):
        axes.set_xscale("log")
    axes.grid(alpha=0.3)


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.point))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
