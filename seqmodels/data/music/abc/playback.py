"""Tunes in ABC notation as scores: repeats, ties and chord symbols written out."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from seqmodels.data.music.abc.bars import played_bars
from seqmodels.data.music.abc.scanner import split_tunes
from seqmodels.data.music.abc.tunes import Sound, Tune, parse_tune
from seqmodels.data.music.chords import chord_pitches
from seqmodels.data.music.rolls import Note, Score, make_score
from seqmodels.errors import UserError


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
    """Return the texts of the tunes of a file, or of all ``.abc`` files in a folder.

    Each begins with its line X:.
    """
    paths = sorted(path.rglob("*.abc")) if path.is_dir() else [path]
    try:
        texts = [file.read_text("utf-8-sig", errors="replace") for file in paths]
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    tunes = [tune for text in texts for tune in split_tunes(text)]
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
