"""Tunes in ABC notation as scores: repeats, ties and chord symbols written out."""

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from seqmodels.data.music.abc.bars import played_bars
from seqmodels.data.music.abc.scanner import split_tunes
from seqmodels.data.music.abc.spelling import LETTERS, NATURAL
from seqmodels.data.music.abc.tunes import Sound, Tune, parse_tune
from seqmodels.data.music.rolls import OCTAVE, Note, Score, make_score
from seqmodels.errors import UserError

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


def score_from_tune(tune: Tune, chords: bool = True) -> Score:
    """Return the notes of a tune as it is played; chord symbols are one more voice.

    A chord sounds until the next symbol.
    """
    notes: list[Note] = []
    unknown: set[str] = set()
    for voice, bars in enumerate(tune.voices):
        sounds = [sound for bar in played_bars(tune, bars) for sound in bar.sounds]
        notes += _melody(sounds, voice)
        if chords:
            notes += _accompaniment(sounds, len(tune.voices), unknown)
    messages = [f"{tune.title}: the chord {symbol!r} was left out" for symbol in sorted(unknown)]
    return make_score(
        notes,
        name=tune.title,
        meter=tune.meter or (4, 4),
        tempo=tune.tempo,
        messages=(*messages, *(f"{tune.title}, {problem}" for problem in tune.problems)),
    )


def _melody(sounds: list[Sound], voice: int) -> Iterator[Note]:
    """Yield the notes; tied ones are one note."""
    time = Fraction(0)
    held: dict[int, Fraction] = {}  # the start of each pitch that is tied to the next sound
    for sound in sounds:
        end = time + sound.duration
        for pitch in held.keys() - set(sound.pitches):
            yield Note(pitch, held[pitch], time - held[pitch], voice)
        starts = {pitch: held.get(pitch, time) for pitch in sound.pitches}
        held = {pitch: start for pitch, start in starts.items() if pitch in sound.tied}
        for pitch, start in starts.items():
            if pitch not in held:
                yield Note(pitch, start, end - start, voice)
        time = end
    for pitch, start in held.items():
        yield Note(pitch, start, time - start, voice)


def _accompaniment(sounds: list[Sound], voice: int, unknown: set[str]) -> list[Note]:
    """Return the notes of the chord symbols, and add the symbols that cannot be read."""
    time = Fraction(0)
    starts: list[tuple[Fraction, tuple[int, ...]]] = []
    for sound in sounds:
        if sound.chord and chord_pitches(sound.chord):
            starts.append((time, chord_pitches(sound.chord)))
        elif sound.chord:
            unknown.add(sound.chord)
        time += sound.duration
    return [
        Note(pitch, start, end - start, voice)
        for (start, pitches), (end, _) in pairwise([*starts, (time, ())])
        for pitch in pitches
    ]


def read_abc(path: Path) -> list[str]:
    """Return the texts of the tunes of a file, each of which begins with X:."""
    try:
        text = path.read_text("utf-8-sig", errors="replace")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    tunes = split_tunes(text)
    if not tunes:
        raise UserError(f"{path} has no tunes: in ABC notation each begins with a line X:")
    return tunes


def read_abc_scores(path: Path, chords: bool = True) -> list[Score]:
    """Read the scores of all tunes of a file that have notes."""
    scores = []
    for text in read_abc(path):
        try:
            tune = parse_tune(text)
        except UserError as error:
            raise UserError(f"{path}, the tune {text.splitlines()[0]}: {error}") from None
        scores.append(score_from_tune(tune, chords))
    if not any(score.notes for score in scores):
        raise UserError(f"{path} has no notes")
    return [score for score in scores if score.notes]
