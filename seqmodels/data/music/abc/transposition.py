"""Transposition of the text of a tune in ABC notation."""

import re
from typing import NamedTuple

from seqmodels.data.music.abc.scanner import Token, scan
from seqmodels.data.music.abc.spelling import (
    MODES,
    SIGNS,
    KeySignature,
    Speller,
    Written,
    natural_pitch,
    parse_key,
    place_text,
    sharps,
)
from seqmodels.data.music.chords import CHORD, LETTERS, pitch_class
from seqmodels.data.music.rolls import OCTAVE
from seqmodels.errors import UserError

TONICS = tuple(letter + sign for sign in ("", "b", "#") for letter in LETTERS)


class _Shift(NamedTuple):
    """A transposition from one key to another: semitones, and steps of the staff."""

    key: KeySignature
    semitones: int
    steps: int


def transpose_abc(text: str, semitones: int) -> str:
    """Return a tune in another key: its K: fields, notes and chord symbols are rewritten.

    The new key is the one with the fewest sharps or flats. Everything else stays as it is written.
    """
    transposer = _Transposer(semitones)
    pieces, end = [], 0
    for token in scan(text):
        pieces += [text[end : token.begin], transposer.read(token)]
        end = token.begin + len(token.text)
    return "".join([*pieces, text[end:]])


class _Transposer:
    """The accidentals that are in force in the old and in the new key."""

    def __init__(self, semitones: int):
        self.semitones = semitones
        self.shift = _make_shift(KeySignature("C", "", dict.fromkeys(LETTERS, 0)), semitones)
        self.spellers: tuple[Speller, Speller] | None = None  # from the first K: on
        self.notes: tuple[list[Written], list[Written]] = ([], [])  # of the last note or chord
        self.in_chord = False

    def read(self, token: Token) -> str:
        """Return the new text of a token."""
        if token.groups.get("name") == "K":
            return self._read_key(token)
        if self.spellers is None:
            return token.text
        if token.kind == "quoted":
            return f'"{_chord_symbol(token.text[1:-1], self.shift)}"'
        if token.kind == "note":
            return self._read_note(token, *self.spellers)
        if token.kind in ("chord", "chord_end"):
            self.in_chord = token.kind == "chord"
            self.notes = ([], []) if self.in_chord else self.notes
        elif token.kind == "bar":
            for speller in self.spellers:
                speller.end_bar()
        elif token.kind in ("tie", "rest"):
            self._tie(token.kind == "tie")
        return token.text

    def _read_key(self, token: Token) -> str:
        key = parse_key(token.groups["value"])
        if key is None:
            raise UserError(f"line {token.line}: the key {token.text} is unknown")
        self.shift = _make_shift(key, self.semitones)
        self.spellers = Speller(key), Speller(self.shift.key)
        return _key_field(token, self.shift)

    def _tie(self, is_tied: bool) -> None:
        for speller, notes in zip(self.spellers or (), self.notes, strict=True):
            speller.tie(notes if is_tied else [])

    def _read_note(self, token: Token, source: Speller, target: Speller) -> str:
        note = source.read(token)
        moved = _move(note, target, self.shift)
        if not self.in_chord:
            self.notes = ([], [])
            self._tie(False)
        for notes, written in zip(self.notes, (note, moved), strict=True):
            notes.append(written)
        return _note_text(token, moved)


def _make_shift(key: KeySignature, semitones: int) -> _Shift:
    """Choose the new key and the steps of the staff that come nearest to the semitones."""
    tonic = key.tonic or "C"
    mode = key.mode if key.mode in MODES else ""
    target = (pitch_class(tonic) + semitones) % OCTAVE
    names = [name for name in TONICS if pitch_class(name) == target]
    best = min(names, key=lambda name: (abs(sharps(name, mode)), name))
    steps = LETTERS.index(best[0]) - LETTERS.index(tonic[0])
    steps += 7 * round((semitones / OCTAVE * 7 - steps) / 7)
    if not key.tonic:  # without a key, as for bagpipes: the field stays
        return _Shift(key, semitones, steps)
    moved = parse_key(best + mode)
    assert moved is not None
    return _Shift(moved._replace(rest=key.rest), semitones, steps)


def _move(note: Written, target: Speller, shift: _Shift) -> Written:
    """Return the note in the new key; it is explicit if its accidental must be written."""
    place = LETTERS.index(note.letter) + 7 * note.octave + shift.steps
    pitch = note.pitch + shift.semitones
    for number in (place, place + 1, place - 1):  # a neighbor if there is no such accidental
        letter, octave = LETTERS[number % 7], number // 7
        accidental = pitch - natural_pitch(letter, octave)
        if accidental in SIGNS:
            break
    is_explicit = note.is_explicit or target.accidental(letter, octave) != accidental
    target.write(letter, accidental, is_explicit)
    return Written(letter, octave, is_explicit, pitch)


def _note_text(token: Token, note: Written) -> str:
    """Return the text of a note with the length that its token has."""
    accidental = note.pitch - natural_pitch(note.letter, note.octave)
    sign = SIGNS[accidental] if note.is_explicit else ""
    size = "".join(token.groups.get(name, "") for name in ("times", "slashes", "divisor"))
    return sign + place_text(note.letter, note.octave) + size


def _key_field(token: Token, shift: _Shift) -> str:
    if not shift.key.tonic:
        return token.text
    inline = token.text.startswith("[")
    value = f"K:{shift.key.tonic}{shift.key.mode}{_plain(shift.key.rest)}"
    return f"[{value}]" if inline else value


def _plain(rest: str) -> str:
    """Return what follows a key, without accidentals that are named one by one."""
    return re.sub(r"\s(?:exp\b|(?:\^\^?|__?|=)[A-Ga-g]\b)", "", rest)


def _chord_symbol(symbol: str, shift: _Shift) -> str:
    """Return a chord symbol in the new key; other quoted text is not changed."""
    match = CHORD.fullmatch(symbol.strip(" ()"))
    if not match:
        return symbol
    root = _name(match["root"], shift)
    bass = _name(match["bass"].replace("+", "#"), shift).lower() if match["bass"] else ""
    moved = root + match["quality"] + (f"/{bass}" if bass else "")
    return symbol.replace(match[0], moved)


def _name(name: str, shift: _Shift) -> str:
    target = (pitch_class(name) + shift.semitones) % OCTAVE
    place = (LETTERS.index(name[0].upper()) + shift.steps) % 7
    choices = [tonic for tonic in TONICS if pitch_class(tonic) == target]
    return min(choices, key=lambda tonic: (tonic[0] != LETTERS[place], len(tonic)))
