"""Activations of single units over a text, after Karpathy et al. (2015).

"Visualizing and understanding recurrent networks", arXiv:1506.02078.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from seqmodels.types import Array, Carry, Params


class Tracker(NamedTuple):
    """A unit, and its correlation with a feature of the text."""

    part: str  # part of the carry; "0.c" is the cell state of the first layer
    unit: int
    correlation: float

    def __str__(self) -> str:
        return f"{self.part}[{self.unit}] r={self.correlation:+.2f}"


def activations(
    step: Callable[[Params, Carry, Array], tuple[Carry, Any]],
    params: Params,
    carry: Carry,
    tokens: Int[np.ndarray, " T"],
) -> dict[str, Float[np.ndarray, "T H"]]:
    """Return the carry after every token, by the names of its parts."""

    @jax.jit
    def trace(params: Params, carry: Carry, tokens: Array) -> Carry:
        def body(carry: Carry, token: Array) -> tuple[Carry, Carry]:
            carry, _ = step(params, carry, token)
            return carry, carry

        return jax.lax.scan(body, carry, tokens)[1]

    states = trace(params, carry, tokens)
    named, _ = jax.tree_util.tree_flatten_with_path(states)
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(state)
        for path, state in named
    }


def character_features(text: str) -> dict[str, Float[np.ndarray, "T"]]:
    """Return the position in the line, inside quotes or not, and indentation of each character."""
    position, quoted, indentation = [], [], []
    column = indent = 0
    quote = previous = "\n"
    for character in text:
        column, indent = (0, 0) if previous == "\n" else (column + 1, indent)
        if character in " \t" and column == indent:
            indent += 1
        if character == quote:
            quote = "\n"
        elif quote == "\n" and character in "\"'" and not previous.isalnum():  # not an apostrophe
            quote = character
        position.append(column)
        quoted.append(quote != "\n")
        indentation.append(indent)
        previous = character
    values = {"position in line": position, "inside quotes": quoted, "indentation": indentation}
    return {name: np.array(value, np.float32) for name, value in values.items()}


def best_trackers(
    states: Mapping[str, Float[np.ndarray, "T H"]], feature: Float[np.ndarray, "T"], count: int = 3
) -> list[Tracker]:
    """Return the units whose activations have the largest |correlation| with a feature.

    The list is empty for a constant feature.
    """
    if feature.size == 0 or np.ptp(feature) == 0:
        return []
    trackers = []
    for part, state in states.items():
        scores = correlations(state, feature)
        best = np.argsort(-np.abs(scores))[:count]
        trackers += [Tracker(part, int(unit), float(scores[unit])) for unit in best]
    return sorted(trackers, key=lambda tracker: -abs(tracker.correlation))[:count]


def correlations(
    state: Float[np.ndarray, "T H"], feature: Float[np.ndarray, "T"]
) -> Float[np.ndarray, "H"]:
    """Return Pearson's correlation of every unit with a feature, or zero for a constant unit."""
    units, feature = state - state.mean(axis=0), feature - feature.mean()
    norms = np.linalg.norm(units, axis=0) * np.linalg.norm(feature)
    return feature @ units / np.maximum(norms, 1e-12)


def draw_activations(
    text: str,
    panels: Sequence[tuple[str, Float[np.ndarray, "T"]]],
    path: Path | str,
    width: int = 88,
) -> None:
    """Draw the text once for each ``(title, activation)``, on red above zero and blue below."""
    from matplotlib.figure import Figure

    places = text_layout(text, width)
    lines, width = (max(numbers) + 1 for numbers in zip(*places, strict=True))
    height = len(panels) * (lines * 0.17 + 0.5)
    figure = Figure(figsize=(max(width, 40) * 0.08, height), layout="constrained")
    for axes, (title, values) in zip(
        figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True
    ):
        grid = np.full((lines, width), np.nan)
        grid[tuple(zip(*places, strict=True))] = values / (np.abs(values).max() + 1e-12)
        axes.imshow(grid, cmap="RdBu_r", vmin=-1.7, vmax=1.7, aspect="auto")
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_axis_off()
        for character, (row, column) in zip(text, places, strict=True):
            shown = {"\n": "↵", "\t": "→"}.get(character, character)
            faint = "#999999" if shown != character else "black"
            axes.text(
                column, row, shown, family="monospace", fontsize=8, color=faint,
                ha="center", va="center", parse_math=False,
            )  # fmt: skip
    figure.savefig(path, dpi=130)


def text_layout(text: str, width: int) -> list[tuple[int, int]]:
    """Return the row and column of every character, with lines wrapped at ``width``."""
    places, row, column = [], 0, 0
    for character in text:
        if column == width:
            row, column = row + 1, 0
        places.append((row, column))
        row, column = (row + 1, 0) if character == "\n" else (row, column + 1)
    return places
