"""A sequence of numbers, and below it what a classifier says as it unfolds."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxtyping import Float
from numpy import ndarray


def draw_course(
    draw_sequence: Callable[[Any], None],
    times: Float[ndarray, "T"],
    probabilities: Float[ndarray, "T V"],
    classes: Sequence[str],
    xlabel: str,
    path: Path | str,
) -> None:
    """``draw_sequence(axes)`` above; the probability of each class at these times below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 5.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 2), sharex=True)
    draw_sequence(upper)
    for name, chances in zip(classes, probabilities.T, strict=True):
        lower.plot(times, chances, marker=".", markersize=4, linewidth=1, label=name)
    lower.set(xlabel=xlabel, ylabel="probability", ylim=(-0.02, 1.02))
    lower.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.savefig(path, dpi=130)


def draw_scores(
    rows: Sequence[tuple[float, ...]], names: Sequence[str], xlabel: str, path: Path | str
) -> None:
    """Rows ``(x, score, score, ...)``, a line for each score."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.0, 3.4), layout="constrained")
    axes, (x, *scores) = figure.subplots(), zip(*rows, strict=True)
    for name, values in zip(names, scores, strict=True):
        axes.plot(x, values, marker="o", markersize=3, label=name)
    axes.set(xlabel=xlabel, ylabel="score")
    axes.grid(linewidth=0.3)
    axes.legend()
    figure.savefig(path, dpi=130)
