"""Names of chords: from symbols to pitches, and from pitches to symbols."""

import re
from collections.abc import Iterable

from seqmodels.data.music.rolls import OCTAVE

LETTERS = "CDEFGAB"
NATURAL = (0, 2, 4, 5, 7, 9, 11)
NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
CHORD = re.compile(r"(?P<root>[A-G][#b]?)(?P<quality>[^/\s]*)(?:/(?P<bass>[A-Ga-g][#b+]?))?")
QUALITIES = {
    "": (0, 4, 7), "maj": (0, 4, 7), "m": (0, 3, 7), "min": (0, 3, 7), "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10), "maj7": (0, 4, 7, 11), "6": (0, 4, 7, 9), "m6": (0, 3, 7, 9),
    "d": (0, 3, 6), "dim": (0, 3, 6), "dim7": (0, 3, 6, 9), "a": (0, 4, 8), "aug": (0, 4, 8),
    "+": (0, 4, 8), "9": (0, 4, 7, 10, 14), "7b9": (0, 4, 7, 10, 13),
    "sus": (0, 5, 7), "sus4": (0, 5, 7), "sus2": (0, 2, 7),
}  # fmt: skip
CHORD_OCTAVE = 48  # the lowest root of an accompanying chord, C3
# The Nottingham collection writes F# in the bass as f+.
SIGNS = {"#": 1, "+": 1, "b": -1, "": 0}


def pitch_class(name: str) -> int:
    """Return the pitch class of a name such as ``F#``.

    >>> pitch_class("F#"), pitch_class("Bb"), pitch_class("e")
    (6, 10, 4)
    """
    return (NATURAL[LETTERS.index(name[0].upper())] + SIGNS[name[1:]]) % OCTAVE


def chord_pitches(symbol: str) -> tuple[int, ...]:
    """Return the pitches of a chord symbol in close position; empty if it is unknown.

    >>> chord_pitches("Dm"), chord_pitches("G7/b")
    ((50, 53, 57), (47, 55, 59, 62, 65))
    """
    match = CHORD.fullmatch(symbol.strip(" ()"))
    if not match or match["quality"] not in QUALITIES:
        return ()
    root = CHORD_OCTAVE + pitch_class(match["root"])
    pitches = [root + interval for interval in QUALITIES[match["quality"]]]
    if match["bass"]:
        pitches.insert(0, CHORD_OCTAVE - OCTAVE + pitch_class(match["bass"]))
    return tuple(pitches)


def chord_name(pitches: Iterable[int]) -> str:
    """Return the symbol of a chord, with its bass if that is not the root; "" if it has none.

    The bass is tried as the root first, and simple chords before those with more notes.

    >>> chord_name([48, 64, 67]), chord_name([52, 60, 67]), chord_name([50, 54, 57, 60])
    ('C', 'C/e', 'D7')
    >>> chord_name([]), chord_name([60, 61, 62])
    ('', '')
    """
    sounding = sorted(pitches)
    classes = {pitch % OCTAVE for pitch in sounding}
    if not classes:
        return ""
    bass = sounding[0] % OCTAVE
    roots = sorted(classes, key=lambda root: (root != bass, root))
    for root in roots:
        intervals = {(pitch - root) % OCTAVE for pitch in classes}
        for quality, chord in QUALITIES.items():
            if intervals == {interval % OCTAVE for interval in chord}:
                return NAMES[root] + quality + ("" if root == bass else f"/{NAMES[bass].lower()}")
    return ""
