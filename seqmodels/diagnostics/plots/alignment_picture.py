"""Alignment of a transcript: when each symbol was written, below what was read."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int


class LineAlignment(NamedTuple):
    """The symbols of a line, their frames, and the posteriors of the frames.

    symbols:    texts of the L symbols
    first last: first and last frame of each symbol
    posteriors: probability of each symbol in each frame, given the transcript
    stride:     steps of the input per frame
    """

    symbols: Sequence[str]
    first: Int[np.ndarray, "L"]
    last: Int[np.ndarray, "L"]
    posteriors: Float[np.ndarray, "T L"]
    stride: int


class SymbolSpan(NamedTuple):
    """The steps of the input that belong to a symbol, and the color of the symbol."""

    begin: int
    end: int
    color: Any


def symbol_spans_of(alignment: LineAlignment) -> list[SymbolSpan]:
    """Return the steps of the input that each symbol covers."""
    from matplotlib import colormaps

    colors = [colormaps["tab10"](number) for number in range(10)]
    stride = alignment.stride
    pairs = enumerate(zip(alignment.first, alignment.last, strict=True))
    return [
        SymbolSpan(int(first) * stride, (int(last) + 1) * stride, colors[number % len(colors)])
        for number, (first, last) in pairs
    ]


def draw_alignment(
    draw_input: Callable[[Any, Sequence[SymbolSpan]], None],
    alignment: LineAlignment,
    path: Path,
    *,
    shared: bool,
) -> None:
    """Draw the input, and below it the posterior of each symbol over the steps of the input.

    draw_input: ``(axes, spans)`` draws what was read; the spans have the symbols' colors
    shared:     the horizontal axis of the input is that of its steps, as for the columns of images
    """
    from matplotlib.figure import Figure

    spans, stride = symbol_spans_of(alignment), alignment.stride
    edges = np.arange(len(alignment.posteriors) + 1) * stride
    width = float(np.clip(0.05 * edges[-1], 6.0, 16.0))
    figure = Figure(figsize=(width, 3.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=shared, height_ratios=(3, 2))
    draw_input(above, spans)
    for number, (symbol, span) in enumerate(zip(alignment.symbols, spans, strict=True)):
        curve = alignment.posteriors[:, number]
        below.stairs(curve, edges, color=span.color, alpha=0.4, fill=True)
        below.stairs(curve, edges, color=span.color)
        below.axvspan(span.begin, span.end, color=span.color, alpha=0.12, linewidth=0)
        text = "␣" if symbol == " " else symbol
        center = (span.begin + span.end) / 2
        below.text(center, 1.08, text, ha="center", color=span.color, fontsize=13, weight="bold")
    below.set(ylim=(0, 1.32), yticks=(0, 0.5, 1), ylabel="posterior", xlabel="step")
    below.set_xlim(0, edges[-1])
    below.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
