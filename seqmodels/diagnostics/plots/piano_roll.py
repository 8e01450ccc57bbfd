"""Pictures of piano rolls, with the primer marked and nats over time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from seqmodels.data.music.rolls import LOWEST, key_spans

NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
BLACK_KEYS = (1, 3, 6, 8, 10)
PRIMER, NOTES, SHADE = "#9aa3ad", "#1f5fa8", "#f2f2f2"
INCHES_PER_FRAME = 0.09
NARROWEST, WIDEST = 6.0, 14.0  # inches
MARGIN = 2  # keys above and below


def pitch_name(pitch: int) -> str:
    """Return the name of a MIDI pitch; middle C is C4.

    >>> pitch_name(60), pitch_name(70)
    ('C4', 'B♭4')
    """
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"


def draw_piano_roll(
    frames: Bool[np.ndarray, "T 88"],
    path: Path | str,
    *,
    primer: int = 0,
    bar: int = 0,
    nats: Float[np.ndarray, "T"] | None = None,
    title: str = "",
) -> None:
    """Draw a piano roll.

    The first ``primer`` frames are gray. There is a line every ``bar`` frames. ``nats`` of each
    frame are drawn below, on the same axis.
    """
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=(_width(len(frames)), 4.2 if nats is None else 5.6), layout="constrained"
    )
    ratios = [1.0] if nats is None else [3.0, 1.0]
    parts = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios, squeeze=False)[:, 0]
    _draw_notes(parts[0], frames, primer)
    parts[0].set_title(title, parse_math=False)
    if nats is not None:
        _draw_nats(parts[1], nats)
    for axes in parts:
        _draw_bars(axes, len(frames), bar)
        if primer:
            axes.axvline(primer, color="black", linewidth=1.0, linestyle="--")
    parts[-1].set_xlabel("frame")
    parts[-1].set_xlim(0, max(len(frames), 1))
    figure.savefig(path, dpi=130)


def _width(frames: int) -> float:
    return float(np.clip(INCHES_PER_FRAME * frames, NARROWEST, WIDEST))


def _draw_bars(axes, frames: int, bar: int) -> None:
    for line in range(bar, frames, bar) if bar else ():
        axes.axvline(line, color="lightgray", linewidth=0.6, zorder=0.5)


def _draw_notes(axes, frames: Bool[np.ndarray, "T 88"], primer: int) -> None:
    """Draw a rectangle per note; a note that begins in the primer and goes on is divided."""
    is_primer = np.arange(len(frames))[:, None] < primer
    for part, color, label in (
        (frames & is_primer, PRIMER, "primer"),
        (frames & ~is_primer, NOTES, "generated" if primer else ""),
    ):
        spans = key_spans(part)
        axes.barh(
            [LOWEST + key for key, _, _ in spans],
            [end - begin for _, begin, end in spans],
            left=[begin for _, begin, _ in spans],
            height=0.86,
            color=color,
            edgecolor="white",
            linewidth=0.4,
            label=label or None,
        )
    low, high = _pitch_limits(frames)
    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK_KEYS:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color=SHADE, zorder=0)
    ticks = [pitch for pitch in range(low, high + 1) if pitch % 12 in (0, 7)]
    axes.set_yticks(ticks, [pitch_name(pitch) for pitch in ticks])
    axes.set_ylim(low - 0.5, high + 0.5)
    axes.set_ylabel("pitch")
    if primer:
        axes.legend(loc="upper right", fontsize="small")


def _pitch_limits(frames: Bool[np.ndarray, "T 88"]) -> tuple[int, int]:
    keys = np.flatnonzero(frames.any(axis=0))
    if not len(keys):
        return 55, 79
    return LOWEST + int(keys[0]) - MARGIN, LOWEST + int(keys[-1]) + MARGIN


def _draw_nats(axes, nats: Float[np.ndarray, "T"]) -> None:
    axes.step(np.arange(len(nats) + 1), [*nats, *nats[-1:]], where="post", color="firebrick")
    axes.axhline(float(np.mean(nats)), color="firebrick", linewidth=0.7, linestyle=":")
    axes.set_ylabel("nats per frame")
    axes.set_ylim(bottom=0)


def draw_piano_rolls(
    rolls: Sequence[Bool[np.ndarray, "_ 88"]],
    titles: Sequence[str],
    path: Path | str,
    *,
    primer: int = 0,
    bar: int = 0,
) -> None:
    """Draw several rolls below each other, with one axis of time."""
    from matplotlib.figure import Figure

    longest = max(len(frames) for frames in rolls)
    figure = Figure(figsize=(_width(longest), 2.6 * len(rolls) + 0.4), layout="constrained")
    parts = figure.subplots(len(rolls), 1, sharex=True, squeeze=False)[:, 0]
    for axes, frames, title in zip(parts, rolls, titles, strict=True):
        _draw_notes(axes, frames, primer)
        axes.set_title(title, parse_math=False, fontsize="medium")
        _draw_bars(axes, len(frames), bar)
    parts[-1].set_xlabel("frame")
    parts[-1].set_xlim(0, max(longest, 1))
    figure.savefig(path, dpi=130)
