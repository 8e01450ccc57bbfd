"""What single units of a recurrent network do over a text, after Karpathy et al. (2015).

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
    """A unit and how well it tracks a feature of the text."""

    part: str  # of the carry: "0.c" is the cell state of the first layer
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
    """The carry after every token, by the names of its parts."""

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


def features(text: str) -> dict[str, Float[np.ndarray, "T"]]:
    """What a reader knows at each character: position in the line, inside quotes, indentation."""
    position, quoted, indentation = [], [], []
    column = indent = 0
    quote = previous = "\n"
    for character in text:
        column, indent = (0, 0) if previous == "\n" else (column + 1, indent)
        if character in " \t" and column == indent:
            indent += 1
        if character == quote:
            quote = "\n"
        elif quote == "\n" and character in "\"'" and not previous.isalnum():  # no apostrophe
            quote = character
        position.append(column)
        quoted.append(quote != "\n")
        indentation.append(indent)
        previous = character
    values = {"position in line": position, "inside quotes": quoted, "indentation": indentation}
    return {name: np.array(value, np.float32) for name, value in values.items()}


def trackers(
    states: Mapping[str, Float[np.ndarray, "T H"]], feature: Float[np.ndarray, "T"], count: int = 3
) -> list[Tracker]:
    """The units whose activation correlates most with a feature, either way; Pearson's r.

    A feature that never changes is tracked by no unit.
    """
    if feature.size == 0 or np.ptp(feature) == 0:
        return []
    found = []
    for part, state in states.items():
        scores = correlations(state, feature)
        best = np.argsort(-np.abs(scores))[:count]
        found += [Tracker(part, int(unit), float(scores[unit])) for unit in best]
    return sorted(found, key=lambda tracker: -abs(tracker.correlation))[:count]


def correlations(
    state: Float[np.ndarray, "T H"], feature: Float[np.ndarray, "T"]
) -> Float[np.ndarray, "H"]:
    """Pearson's correlation of every unit with a feature; zero for a unit that never changes."""
    centred, wanted = state - state.mean(axis=0), feature - feature.mean()
    norms = np.linalg.norm(centred, axis=0) * np.linalg.norm(wanted)
    return wanted @ centred / np.maximum(norms, 1e-12)


def draw_activations(
    text: str,
    panels: Sequence[tuple[str, Float[np.ndarray, "T"]]],
    path: Path | str,
    width: int = 88,
) -> None:
    """A picture with the text once for each ``(title, activation)``, red above zero, blue below."""
    from matplotlib.figure import Figure

    places = layout(text, width)
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


def layout(text: str, width: int) -> list[tuple[int, int]]:
    """Row and column of every character; lines longer than ``width`` are broken."""
    places, row, column = [], 0, 0
    for character in text:
        if column == width:
            row, column = row + 1, 0
        places.append((row, column))
        row, column = (row + 1, 0) if character == "\n" else (row, column + 1)
    return places
