"""Scores, piano rolls and four-part pieces, and conversions between them.

==========  ==================================================================
``Score``   notes with exact times in quarter notes: what files hold
``Piece``   a piano roll ``[T, 88]`` on a regular grid: what models read
``Chorale`` four voices ``[T, 4]`` on a regular grid
==========  ==================================================================

A piano roll does not distinguish a held note from a repeated one.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from seqmodels.errors import UserError

KEYS = 88
LOWEST = 21  # MIDI pitch of the lowest key of a piano
HIGHEST = LOWEST + KEYS - 1
SILENT = -1  # pitch of a voice that rests
TEMPO = 100.0
VOICES = 4
OCTAVE = 12


class Note(NamedTuple):
    """A note; its times are in quarter notes."""

    pitch: int
    start: Fraction
    duration: Fraction
    voice: int = 0


class Score(NamedTuple):
    """Notes in order of their start; ``tempo`` is in quarter notes per minute.

    ``messages`` say what was left out or changed when a file was read.
    """

    notes: list[Note]
    name: str = ""
    meter: tuple[int, int] = (4, 4)
    tempo: float = TEMPO
    messages: tuple[str, ...] = ()


class Piece(NamedTuple):
    """A piano roll with ``steps`` frames per quarter note; column 0 is the MIDI pitch 21."""

    frames: Bool[np.ndarray, "T 88"]
    name: str = ""
    steps: int = 1
    meter: tuple[int, int] = (4, 4)
    tempo: float = TEMPO


class Chorale(NamedTuple):
    """Soprano, alto, tenor and bass as MIDI pitches; -1 where a voice is silent."""

    pitches: Int[np.ndarray, "T 4"]
    name: str = ""
    steps: int = 1
    meter: tuple[int, int] = (4, 4)
    tempo: float = TEMPO


def make_note(
    pitch: int, start: float | Fraction | int, duration: float | Fraction | int, voice: int = 0
) -> Note:
    """Return a note whose times are converted to exact fractions."""
    return Note(pitch, Fraction(start), Fraction(duration), voice)


def make_score(notes: Sequence[Note], **fields) -> Score:
    """Return a score of these notes, sorted by start, voice and pitch."""
    return Score(sorted(notes, key=lambda n: (n.start, n.voice, n.pitch, n.duration)), **fields)


def frames_from_chords(chords: Sequence[Sequence[int]]) -> Bool[np.ndarray, "T 88"]:
    """Convert lists of MIDI pitches, one list per frame, to a piano roll.

    >>> np.flatnonzero(frames_from_chords([[60, 64], []])[0]) + LOWEST
    array([60, 64])
    """
    frames = np.zeros((len(chords), KEYS), bool)
    for frame, chord in zip(frames, chords, strict=True):
        for pitch in chord:
            if not LOWEST <= pitch <= HIGHEST:
                raise UserError(f"MIDI pitch {pitch} is not one of the 88 keys (21 to 108)")
            frame[pitch - LOWEST] = True
    return frames


def chords_from_frames(frames: Bool[np.ndarray, "T 88"]) -> list[list[int]]:
    """Convert a piano roll to lists of MIDI pitches, in ascending order."""
    return [(np.flatnonzero(frame) + LOWEST).tolist() for frame in frames]


def fold_pitch(pitch: int) -> int:
    """Move a pitch outside the 88 keys by octaves to the nearest one inside.

    >>> fold_pitch(12), fold_pitch(60), fold_pitch(127)
    (24, 60, 103)
    """
    below, above = max(0, LOWEST - pitch), max(0, pitch - HIGHEST)
    return pitch + OCTAVE * (-(-below // OCTAVE)) - OCTAVE * (-(-above // OCTAVE))


def fold_score(score: Score) -> Score:
    """Move notes outside the 88 keys by octaves, and add a message with their number."""
    notes = [note._replace(pitch=fold_pitch(note.pitch)) for note in score.notes]
    moved = sum(a.pitch != b.pitch for a, b in zip(notes, score.notes, strict=True))
    if not moved:
        return score
    message = f"{score.name}: {moved} notes outside the 88 keys were moved by octaves"
    return score._replace(notes=notes, messages=(*score.messages, message))


def score_duration(score: Score) -> Fraction:
    """Return the end of the last note, in quarter notes."""
    return max((note.start + note.duration for note in score.notes), default=Fraction(0))


def quantise(time: Fraction, steps: int) -> int:
    """Return the nearest frame of a time in quarter notes; halves are rounded up."""
    return int((time * steps + Fraction(1, 2)) // 1)


def piece_from_score(score: Score, steps: int) -> Piece:
    """Quantise a score to a grid with ``steps`` frames per quarter note.

    Starts and ends are rounded to the grid. A note lasts at least one frame.
    """
    score = fold_score(score)
    spans = [_frame_span(note, steps) for note in score.notes]
    frames = np.zeros((max((end for _, end in spans), default=0), KEYS), bool)
    for note, (begin, end) in zip(score.notes, spans, strict=True):
        frames[begin:end, note.pitch - LOWEST] = True
    return Piece(frames, score.name, steps, score.meter, score.tempo)


def _frame_span(note: Note, steps: int) -> tuple[int, int]:
    begin = quantise(note.start, steps)
    return begin, max(begin + 1, quantise(note.start + note.duration, steps))


def key_spans(frames: Bool[np.ndarray, "T K"]) -> list[tuple[int, int, int]]:
    """Return the notes of a roll: column, first frame, and the frame after the last one.

    >>> key_spans(np.array([[True, False], [True, True]]))
    [(0, 0, 2), (1, 1, 2)]
    """
    edges = np.diff(np.pad(frames.T.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    begins, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    pairs = zip(begins.tolist(), ends.tolist(), strict=True)
    return [(key, begin, end) for (key, begin), (_, end) in pairs]


def score_from_piece(piece: Piece) -> Score:
    """Convert a piano roll to notes; a key that stays on is one note."""
    notes = [
        Note(LOWEST + key, Fraction(begin, piece.steps), Fraction(end - begin, piece.steps))
        for key, begin, end in key_spans(piece.frames)
    ]
    return make_score(notes, name=piece.name, meter=piece.meter, tempo=piece.tempo)


def piece_from_chorale(chorale: Chorale) -> Piece:
    """Convert four voices to a piano roll; voices in unison share a key."""
    frames = np.zeros((len(chorale.pitches), KEYS), bool)
    time, voice = np.nonzero(chorale.pitches != SILENT)
    frames[time, chorale.pitches[time, voice] - LOWEST] = True
    return Piece(frames, *chorale[1:])


def score_from_chorale(chorale: Chorale) -> Score:
    """Convert four voices to notes; equal pitches in succession are one note."""
    notes = []
    for voice, line in enumerate(chorale.pitches.T):
        starts = [0, *(np.flatnonzero(np.diff(line)) + 1).tolist(), len(line)]
        for begin, end in pairwise(starts):
            if begin < end and line[begin] != SILENT:
                start, duration = (Fraction(n, chorale.steps) for n in (begin, end - begin))
                notes.append(Note(int(line[begin]), start, duration, voice))
    return make_score(notes, name=chorale.name, meter=chorale.meter, tempo=chorale.tempo)


def melody_from_score(score: Score, steps: int) -> Int[np.ndarray, "T"]:
    """Return the pitch of each frame of a melody; -1 in rests.

    Raise an error if two notes sound at the same time.
    """
    frames = piece_from_score(score, steps).frames
    if (frames.sum(axis=1) > 1).any():
        quarter = int(np.flatnonzero(frames.sum(axis=1) > 1)[0]) / steps
        raise UserError(
            f"{score.name} has chords (the first at quarter note {quarter:g}); give a melody, "
            "in which one note sounds at a time"
        )
    return np.where(frames.any(axis=1), frames.argmax(axis=1) + LOWEST, SILENT)


def key_range(frames: Bool[np.ndarray, "T 88"]) -> tuple[int, int]:
    """Return the lowest and highest MIDI pitch of a piano roll."""
    keys = np.flatnonzero(frames.any(axis=0))
    if not len(keys):
        raise UserError("the piano roll has no notes")
    return LOWEST + int(keys[0]), LOWEST + int(keys[-1])


def transpositions(frames: Bool[np.ndarray, "T 88"], most: int = 6) -> range:
    """Return the transpositions by at most this many semitones that stay within the keys.

    >>> transpositions(frames_from_chords([[21, 60]]))
    range(0, 7)
    """
    low, high = key_range(frames)
    return range(max(-most, LOWEST - low), min(most, HIGHEST - high) + 1)


def transpose(frames: Bool[np.ndarray, "T 88"], semitones: int) -> Bool[np.ndarray, "T 88"]:
    """Move all notes of a piano roll; raise an error if one leaves the 88 keys."""
    if frames.any():
        low, high = key_range(frames)
        if low + semitones < LOWEST or high + semitones > HIGHEST:
            raise UserError(f"transposed by {semitones} semitones, notes leave the 88 keys")
    return np.roll(frames, semitones, axis=1)


def transpose_chorale(chorale: Chorale, semitones: int) -> Chorale:
    """Move all voices; silence stays silence."""
    pitches = chorale.pitches
    return chorale._replace(pitches=np.where(pitches == SILENT, SILENT, pitches + semitones))
