"""Writer of ABC notation: any score as one voice of chords and tied notes."""

from fractions import Fraction
from itertools import pairwise

from seqmodels.data.music.abc.headers import bar_duration
from seqmodels.data.music.abc.spelling import (
    SIGNS,
    Speller,
    natural_pitch,
    parse_key,
    place_text,
    signature,
)
from seqmodels.data.music.chords import LETTERS, NATURAL
from seqmodels.data.music.rolls import OCTAVE, Score, score_duration

UNITS = 4  # per quarter note: L:1/16
BARS_PER_LINE = 4
MAJOR_KEYS = ("C", "G", "F", "D", "Bb", "A", "Eb", "E", "Ab", "B", "Db", "F#")


def abc_from_score(score: Score, number: int = 1) -> str:
    """Return the text of a tune that sounds like the score.

    Notes that begin or end while others sound are divided and tied. The key is the major one with
    the fewest accidentals.
    """
    key = parse_key(_fitting_key(score))
    assert key is not None
    header = [
        f"X:{number}",
        f"T:{' '.join(score.name.split()) or 'Untitled'}",
        f"M:{score.meter[0]}/{score.meter[1]}",
        "L:1/16",
        f"Q:1/4={score.tempo:g}",
        f"K:{key.tonic}",
    ]
    bars = _bars(score, Speller(key))
    lines = [bars[i : i + BARS_PER_LINE] for i in range(0, len(bars), BARS_PER_LINE)]
    return "\n".join([*header, *("|".join(line) + "|" for line in lines)]) + "\n"


def _fitting_key(score: Score) -> str:
    def accidentals(key: str) -> float:
        signs = signature(key, "")
        scale = {
            (note + signs[letter]) % OCTAVE for letter, note in zip(LETTERS, NATURAL, strict=True)
        }
        return float(sum(n.duration for n in score.notes if n.pitch % OCTAVE not in scale))

    return min(MAJOR_KEYS, key=accidentals)


def _bars(score: Score, speller: Speller) -> list[str]:
    """Return the text of each bar."""
    bar, end = bar_duration(score.meter), score_duration(score)
    lines = [bar * number for number in range(int(-(-end // bar)) + 1)]
    times = {time for note in score.notes for time in (note.start, note.start + note.duration)}
    changes = sorted(times.union(time for time in lines if time < end))
    texts = []
    for begin, close in pairwise(lines):
        inside = [time for time in changes if begin <= time <= close]
        if inside[-1] < close and close < end:
            inside.append(close)
        speller.end_bar()
        texts.append(" ".join(_chord(score, speller, a, b) for a, b in pairwise(inside)))
    return texts


def _chord(score: Score, speller: Speller, begin: Fraction, end: Fraction) -> str:
    """Return what sounds between two times at which notes change."""
    continues: dict[int, bool] = {}
    for note in score.notes:
        if note.start <= begin and end <= note.start + note.duration:
            is_tied = end < note.start + note.duration
            continues[note.pitch] = continues.get(note.pitch, False) or is_tied
    units = (end - begin) * UNITS
    size = "" if units == 1 else str(units)
    if not continues:
        return f"z{size}"
    speller.tie([])  # accidentals are written again after a tie
    notes = [_spell(pitch, speller) for pitch in sorted(continues)]
    ties = ["-" if continues[pitch] else "" for pitch in sorted(continues)]
    if len(notes) == 1:
        return f"{notes[0]}{size}{ties[0]}"
    return "[" + "".join(f"{n}{size}{t}" for n, t in zip(notes, ties, strict=True)) + "]"


def _spell(pitch: int, speller: Speller) -> str:
    """Return a note in the key if possible, else with a sharp or, in a key with flats, a flat."""
    in_key = speller.key.accidentals
    is_flat = -1 in in_key.values()
    choices = []
    for place in range(7 * 11):
        letter, octave = LETTERS[place % 7], place // 7 - 5
        accidental = pitch - natural_pitch(letter, octave)
        if abs(accidental) <= 1:
            preferred = accidental == (-1 if is_flat else 1)
            choices.append(
                (accidental != in_key[letter], not preferred, letter, octave, accidental)
            )
    _, _, letter, octave, accidental = min(choices)
    needs_sign = speller.accidental(letter, octave) != accidental
    speller.write(letter, accidental, needs_sign)
    return (SIGNS[accidental] if needs_sign else "") + place_text(letter, octave)
