"""Scores, piano rolls, and what converts them."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmodels.data.music.rolls import (
    HIGHEST,
    LOWEST,
    Chorale,
    Piece,
    chords_from_frames,
    fold_pitch,
    fold_score,
    frames_from_chords,
    make_note,
    make_score,
    melody_from_score,
    piece_from_chorale,
    piece_from_score,
    score_from_chorale,
    score_from_piece,
    transpose,
    transpose_chorale,
    transpositions,
)
from seqmodels.errors import UserError

CHORDS = [[60, 64], [60], [], [21, 60, 108], [60]]


def test_a_held_key_is_one_note():
    piece = Piece(frames_from_chords(CHORDS), "p", steps=2, meter=(3, 4), tempo=90.0)
    score = score_from_piece(piece)
    half = Fraction(1, 2)
    assert [note[:3] for note in score.notes] == [
        (60, 0, 1),
        (64, 0, half),
        (21, 3 * half, half),
        (60, 3 * half, 1),
        (108, 3 * half, half),
    ]
    back = piece_from_score(score, 2)
    assert (back.frames == piece.frames).all()
    assert back[1:] == piece[1:]
    assert chords_from_frames(back.frames) == CHORDS


@given(st.integers(-40, 200))
def test_folding_keeps_the_pitch_class_and_moves_least(pitch):
    octaves = [p for p in range(LOWEST, HIGHEST + 1) if p % 12 == pitch % 12]
    assert fold_pitch(pitch) == min(octaves, key=lambda p: abs(p - pitch))


def test_folded_notes_are_counted():
    score = make_score([make_note(12, 0, 1), make_note(60, 1, 1), make_note(120, 2, 1)], name="f")
    folded = fold_score(score)
    assert [note.pitch for note in folded.notes] == [24, 60, 108]
    assert folded.messages == ("f: 2 notes outside the 88 keys were moved by octaves",)
    assert fold_score(folded) is folded


def test_times_are_rounded_to_the_grid():
    triplet = Fraction(1, 3)
    score = make_score(
        [make_note(60, 0, 1), make_note(62, 1 + triplet / 2, triplet), make_note(64, 1.5, 0.01)]
    )
    frames = piece_from_score(score, 4).frames
    assert chords_from_frames(frames) == [[60]] * 4 + [[], [62], [64]]


def test_voices():
    pitches = np.array([[72, 67, 64, 48], [72, -1, 64, 50], [71, 67, 64, 50]])
    chorale = Chorale(pitches, "c", 2)
    assert chords_from_frames(piece_from_chorale(chorale).frames)[1] == [50, 64, 72]
    notes = {(n.voice, n.pitch, n.start, n.duration) for n in score_from_chorale(chorale).notes}
    assert {(0, 72, 0, 1), (1, 67, 0, 0.5), (1, 67, 1, 0.5), (2, 64, 0, 1.5)} < notes
    assert len(notes) == 7
    assert transpose_chorale(chorale, 2).pitches[1].tolist() == [74, -1, 66, 52]
    same = piece_from_score(score_from_chorale(chorale), 2).frames
    assert (same == piece_from_chorale(chorale).frames).all()


def test_transposition_stays_within_the_keys():
    frames = frames_from_chords([[23, 60], [], [106]])
    assert list(transpositions(frames, 5)) == [-2, -1, 0, 1, 2]
    assert chords_from_frames(transpose(frames, -2)) == [[21, 58], [], [104]]
    with pytest.raises(UserError, match="leave the 88 keys"):
        transpose(frames, 3)


def test_a_melody_has_one_note_at_a_time():
    melody = make_score([make_note(60, 0, 1), make_note(62, 2, 1)], name="m")
    assert melody_from_score(melody, 2).tolist() == [60, 60, -1, -1, 62, 62]
    with pytest.raises(UserError, match=r"m has chords \(the first at quarter note 2\.5\)"):
        melody_from_score(melody._replace(notes=[*melody.notes, make_note(65, 2.5, 1)]), 2)


def test_pitches_outside_the_keys_are_an_error():
    with pytest.raises(UserError, match="MIDI pitch 20 is not one of the 88 keys"):
        frames_from_chords([[20]])
