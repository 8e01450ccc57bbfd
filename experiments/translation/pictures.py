"""Pictures of translations: scores by source length, and alignments."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Float

from experiments.translation.scores import SCORE_NAMES


def draw_scores_by_length(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], path: Path | str
) -> None:
    """Draw each score against the length of the source, one line per run."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 6.4), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    for axes, (score, title) in zip(panels.flat, SCORE_NAMES.items(), strict=True):
        for name, groups in runs.items():
            words, values = ([group[key] for group in groups] for key in ("words", score))
            axes.plot(words, values, marker="o", markersize=4, label=name)
        axes.set(title=title, ylim=(-2, 102))
        axes.grid(alpha=0.3)
    for axes in panels[1]:
        axes.set_xlabel("words in the source")
    for axes in panels[:, 0]:
        axes.set_ylabel("%")
    panels[0, 0].legend(fontsize=8)
    figure.savefig(path, dpi=130)


def draw_alignment(
    source: Sequence[str],
    target: Sequence[str],
    weights: Float[np.ndarray, "T S"],
    path: Path | str | IO[bytes],
) -> None:
    """Draw the attention weights, a row for each target token, a column for each source token."""
    from matplotlib.figure import Figure

    size = 1.6 + 0.33 * len(source), 1.6 + 0.3 * len(target)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.imshow(weights, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    axes.set_xticks(range(len(source)), source, rotation=90)
    axes.set_yticks(range(len(target)), target)
    axes.xaxis.tick_top()
    figure.savefig(path, dpi=130)
