"""Transposition of the text of a tune in ABC notation."""

import re
from collections.abc import Iterator
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
    pieces, end = [], 0
    for token, replacement in _replacements(text, semitones):
        pieces += [text[end : token.begin], replacement]
        end = token.begin + len(token.text)
    return "".join([*pieces, text[end:]])


def _shift(key: KeySignature, semitones: int) -> _Shift:
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


def _replacements(text: str, semitones: int) -> Iterator[tuple[Token, str]]:
    """Yield the tokens that change, each with its new text."""
    source: Speller | None = None
    target: Speller | None = None
    shift: _Shift | None = None
    in_chord = False
    old: list[Written] = []
    new: list[Written] = []
    for token in scan(text):
        if token.groups.get("name") == "K":
            key = parse_key(token.groups["value"])
            if key is None:
                raise UserError(f"line {token.line}: the key {token.text} is unknown")
            shift = _shift(key, semitones)
            source, target = Speller(key), Speller(shift.key)
            yield token, _key_field(token, shift)
        elif source is None or target is None or shift is None:
            continue
        elif token.kind == "bar":
            source.end_bar()
            target.end_bar()
        elif token.kind == "quoted":
            yield token, f'"{_chord_symbol(token.text[1:-1], shift)}"'
        elif token.kind in ("chord", "chord_end"):
            in_chord = token.kind == "chord"
            old, new = ([], []) if in_chord else (old, new)
        elif token.kind == "tie":
            source.tie(old)
            target.tie(new)
        elif token.kind == "rest":
            source.tie([])
            target.tie([])
        elif token.kind == "note":
            note = source.read(token)
            moved, sign = _move(note, target, shift)
            old, new = ([*old, note], [*new, moved]) if in_chord else ([note], [moved])
            if not in_chord:
                source.tie([])
                target.tie([])
            yield token, _note(token, moved, sign)


def _move(note: Written, target: Speller, shift: _Shift) -> tuple[Written, str]:
    """Return the note in the new key, and the accidental that must be written."""
    place = LETTERS.index(note.letter) + 7 * note.octave + shift.steps
    pitch = note.pitch + shift.semitones
    for number in (place, place + 1, place - 1):  # a neighbor if there is no such accidental
        letter, octave = LETTERS[number % 7], number // 7
        accidental = pitch - natural_pitch(letter, octave)
        if accidental in SIGNS:
            break
    needs_sign = note.is_explicit or target.accidental(letter, octave) != accidental
    target.write(letter, accidental, needs_sign)
    moved = Written(letter, octave, needs_sign, pitch)
    return moved, SIGNS[accidental] if needs_sign else ""


def _note(token: Token, note: Written, sign: str) -> str:
    """Return the text of a note with the length that its token has."""
    written = place_text(note.letter, note.octave)
    size = "".join(token.groups.get(name, "") for name in ("times", "slashes", "divisor"))
    return sign + written + size


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
