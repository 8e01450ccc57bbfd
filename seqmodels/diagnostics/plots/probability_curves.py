"""Class probabilities after each step of a sequence."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float


def draw_probability_curves(
    steps: Sequence[str],
    probabilities: Float[np.ndarray, "T V"],
    classes: Sequence[str],
    path: Path | str,
) -> None:
    """Draw the probability of each class after each step; of two classes, only the second.

    steps: labels of the horizontal axis, for example words
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(4.0, 1.5 + 0.3 * len(steps)), 3.4), layout="constrained")
    axes = figure.subplots()
    for number in range(1, 2) if len(classes) == 2 else range(len(classes)):
        axes.plot(probabilities[:, number], marker="o", markersize=3, label=classes[number])
    axes.axhline(1 / len(classes), color="gray", linewidth=0.8, linestyle="--")
    axes.set_xticks(range(len(steps)), steps, rotation=90)
    axes.set(ylim=(-0.02, 1.02), ylabel="probability after this step")
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.savefig(path, dpi=130)


def draw_sequence_and_probabilities(
    draw_sequence: Callable[[Any], None],
    times: Float[np.ndarray, "T"],
    probabilities: Float[np.ndarray, "T V"],
    classes: Sequence[str],
    xlabel: str,
    path: Path | str,
) -> None:
    """Draw a sequence, and below it the probability of each class at these times.

    draw_sequence: ``(axes) -> None``
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 5.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 2), sharex=True)
    draw_sequence(upper)
    for name, curve in zip(classes, probabilities.T, strict=True):
        lower.plot(times, curve, marker=".", markersize=4, linewidth=1, label=name)
    lower.set(xlabel=xlabel, ylabel="probability", ylim=(-0.02, 1.02))
    lower.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.savefig(path, dpi=130)
