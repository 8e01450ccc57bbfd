"""Keys and accidentals of ABC notation.

An accidental holds for its letter, in all octaves, to the end of the bar (version 2.1 of the
standard), and for a tied note across the bar line.
"""

import re
from typing import NamedTuple

from seqmodels.data.music.abc.scanner import Token
from seqmodels.data.music.chords import LETTERS, NATURAL

ACCIDENTALS = {"__": -2, "_": -1, "=": 0, "^": 1, "^^": 2}
SIGNS = {value: sign for sign, value in ACCIDENTALS.items()}
FIFTHS = "FCGDAEB"  # the order in which sharps appear
MODES = {
    "lyd": 1, "": 0, "maj": 0, "ion": 0, "mix": -1, "dor": -2, "m": -3, "min": -3, "aeo": -3,
    "phr": -4, "loc": -5,
}  # fmt: skip
KEY = re.compile(
    r"(?P<tonic>[A-G])(?P<sign>[#b]?)\s*"
    r"(?P<mode>(?i:maj|min|ion|dor|phr|lyd|mix|aeo|loc)[A-Za-z]*|m(?![A-Za-z]))?"
    r"(?P<rest>(?:\s.*)?)$"
)
MIDDLE_C = 60


class KeySignature(NamedTuple):
    """A key and the accidental of each letter."""

    tonic: str
    mode: str
    accidentals: dict[str, int]
    rest: str = ""  # what follows in the field, for example a clef


def sharps(tonic: str, mode: str) -> int:
    """Return the number of sharps of a key; flats are negative.

    >>> sharps("D", ""), sharps("Bb", "m"), sharps("A", "mix")
    (2, -5, 2)
    """
    of_tonic = FIFTHS.index(tonic[0]) - 1 + 7 * (tonic.count("#") - tonic.count("b"))
    return of_tonic + MODES[mode]


def signature(tonic: str, mode: str) -> dict[str, int]:
    """Return the accidental of each letter in a key."""
    count = sharps(tonic, mode)
    changed = FIFTHS[:count] if count >= 0 else FIFTHS[count:]
    return {letter: (letter in changed) * (1 if count > 0 else -1) for letter in LETTERS}


def parse_key(value: str) -> KeySignature | None:
    """Return the key of a K: field, or None if it cannot be read."""
    if value.split(" ")[0] in ("", "none") or value.startswith(("clef", "treble", "bass")):
        return KeySignature("", "", dict.fromkeys(LETTERS, 0), value)
    if value.split(" ")[0] in ("HP", "Hp"):  # bagpipes
        return KeySignature("", "", signature("D", ""), value)
    match = KEY.match(value)
    if not match or abs(sharps(match["tonic"] + match["sign"], _mode(match))) > 7:
        return None
    tonic, mode = match["tonic"] + match["sign"], _mode(match)
    accidentals = signature(tonic, mode)
    for sign, letter in re.findall(r"(?<=\s)(\^\^?|__?|=)([A-Ga-g])\b", match["rest"]):
        accidentals[letter.upper()] = ACCIDENTALS[sign]
    return KeySignature(tonic, mode, accidentals, match["rest"])


def _mode(match: re.Match) -> str:
    return (match["mode"] or "").lower()[:3]


class Written(NamedTuple):
    """A note as it is written: its letter, its octave (middle C begins 0), its sounding pitch."""

    letter: str
    octave: int
    is_explicit: bool
    pitch: int


def natural_pitch(letter: str, octave: int) -> int:
    """Return the pitch of a letter without accidentals."""
    return MIDDLE_C + NATURAL[LETTERS.index(letter)] + 12 * octave


class Speller:
    """The accidentals that are in force while a tune is read from left to right."""

    def __init__(self, key: KeySignature):
        self.set_key(key)

    def set_key(self, key: KeySignature) -> None:
        """Begin a key."""
        self.key = key
        self.in_bar: dict[str, int] = {}
        self.tied: dict[tuple[str, int], int] = {}

    def end_bar(self) -> None:
        """Forget the accidentals of the bar."""
        self.in_bar = {}

    def accidental(self, letter: str, octave: int) -> int:
        """Return the accidental of a note that is written without one."""
        tied = self.tied.get((letter, octave))
        in_key = self.key.accidentals[letter]
        return self.in_bar.get(letter, in_key) if tied is None else tied

    def write(self, letter: str, accidental: int, is_explicit: bool) -> None:
        """Put a written accidental in force."""
        if is_explicit:
            self.in_bar[letter] = accidental

    def read(self, token: Token) -> Written:
        """Return the note of a token."""
        letter, octave = written_place(token)
        sign = token.groups.get("accidental")
        accidental = ACCIDENTALS[sign] if sign else self.accidental(letter, octave)
        self.write(letter, accidental, sign is not None)
        pitch = natural_pitch(letter, octave) + accidental
        return Written(letter, octave, sign is not None, pitch)

    def tie(self, notes: list[Written]) -> None:
        """Let the accidentals of these notes hold for the next ones; an empty list ends this."""
        self.tied = {(n.letter, n.octave): n.pitch - natural_pitch(*n[:2]) for n in notes}


def written_place(token: Token) -> tuple[str, int]:
    """Return the letter and octave of a note's token."""
    letter, marks = token.groups["letter"], token.groups["octave"]
    return letter.upper(), letter.islower() + marks.count("'") - marks.count(",")


def place_text(letter: str, octave: int) -> str:
    """Return a letter with its octave marks.

    >>> [place_text("C", octave) for octave in (-1, 0, 1, 2)]
    ['C,', 'C', 'c', "c'"]
    """
    if octave >= 1:
        return letter.lower() + "'" * (octave - 1)
    return letter + "," * -octave
