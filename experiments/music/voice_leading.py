"""Rules of voice leading, counted on four voices.

Voices are soprano, alto, tenor and bass, as MIDI pitches; -1 is silence.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from seqmodels.data.music.rolls import OCTAVE, SILENT

FIFTH = 7
# Soprano, alto, tenor, bass: Bach's chorales leave these ranges in 3 of 10,000 frames.
LOWEST_PITCHES = np.array([60, 53, 48, 36])
HIGHEST_PITCHES = np.array([81, 74, 69, 64])
PAIRS = np.array(list(combinations(range(4), 2)))


class Faults(NamedTuple):
    """Violations per 100 frames."""

    parallel_fifths: float
    parallel_octaves: float
    crossings: float
    range_violations: float


def parallels(
    before: Int[np.ndarray, "*#N 4"], after: Int[np.ndarray, "*#N 4"], interval: int
) -> Bool[np.ndarray, "*#N 6"]:
    """Return which pairs of voices move in parallel at this interval, up to octaves.

    Both voices move, in the same direction, and have the interval before and after. Voices that
    leap from one octave of the interval to another in contrary motion are not counted.
    """
    first, second = PAIRS.T
    moves = after - before
    same_direction = np.sign(moves[..., first]) * np.sign(moves[..., second]) > 0
    sounds = (before != SILENT) & (after != SILENT)
    found = same_direction & sounds[..., first] & sounds[..., second]
    for pitches in (before, after):
        gaps = pitches[..., first] - pitches[..., second]
        found &= gaps % OCTAVE == interval % OCTAVE
    return found


def crossings(pitches: Int[np.ndarray, "*N 4"]) -> Bool[np.ndarray, "*N 3"]:
    """Return which neighboring voices cross: the lower one is above the higher one."""
    higher, lower = pitches[..., :-1], pitches[..., 1:]
    return (lower > higher) & (higher != SILENT)


def range_violations(pitches: Int[np.ndarray, "*N 4"]) -> Bool[np.ndarray, "*N 4"]:
    """Return which voices are above or below their range."""
    outside = (pitches < LOWEST_PITCHES) | (pitches > HIGHEST_PITCHES)
    return outside & (pitches != SILENT)


def count_faults(pieces: list[Int[np.ndarray, "_ 4"]]) -> Faults:
    """Count violations in all pieces, per 100 frames.

    Only the changes from one frame to the next can be parallel, so a held chord is not counted.
    """
    frames = sum(len(piece) for piece in pieces)
    counts = np.zeros(len(Faults._fields))
    for piece in pieces:
        before, after = piece[:-1], piece[1:]
        counts += [
            parallels(before, after, FIFTH).sum(),
            parallels(before, after, OCTAVE).sum(),
            crossings(piece).sum(),
            range_violations(piece).sum(),
        ]
    return Faults(*(100.0 * counts / max(frames, 1)).tolist())
