"""Baselines of frames and of voices."""

import numpy as np
import pytest

from experiments.music.baselines import END, baselines, harmony_baselines, note_events
from seqmodels.data.music.rolls import KEYS, Chorale, Piece, frames_from_chords
from seqmodels.data.splits import Splits

SCALE = [[60, 64, 67], [62, 65, 69], [64, 67, 71], []]


def pieces(count, semitones=0):
    chords = [[pitch + semitones for pitch in chord] for chord in SCALE[:3] * 5]
    return [Piece(frames_from_chords(chords))] * count


def test_frequencies_of_keys_and_repeated_keys_have_closed_forms():
    held = [Piece(frames_from_chords([[60]] * 10))]
    found = {one.name: one for one in baselines(Splits(held, held, held))}
    never, always = 0.5 / 11, 10.5 / 11
    assert found["key frequencies"].test == pytest.approx(
        -(KEYS - 1) * np.log(1 - never) - np.log(always)
    )
    first, other = -np.log(1.5 / 2), -np.log(9.5 / 10)  # not sounding before, and sounding
    silent = -(KEYS - 1) * np.log(1 - never)
    repeated = found["each key given itself one frame before"].test
    assert repeated == pytest.approx(silent + (first + 9 * other) / 10)


def test_intervals_are_known_in_other_keys_and_notes_are_not():
    parts = Splits(pieces(3), pieces(1), pieces(1, semitones=3))
    found = {one.name: one for one in baselines(parts)}
    notes, intervals = found["counted notes"], found["counted intervals"]
    assert notes.dev < 1.0 < 3.0 < notes.test
    assert intervals.test < 0.5 * notes.test


def test_note_events_end_each_frame_and_know_what_is_possible():
    events = list(note_events((10, 20), (12, 20), False))
    assert [(event.value, event.lowest) for event in events[:2]] == [(12, 0), (20, 13)]
    assert len(events) == 3
    assert events[0].uniform == pytest.approx(1 / (END + 1))
    assert (2,) in events[2].contexts


def test_parallel_voices_are_predictable():
    melody = np.tile([72, 74, 76, 77, 76, 74], 8)
    chorale = Chorale((melody[:, None] - [0, 4, 9, 16]).astype(np.int32))
    (found,) = harmony_baselines(Splits([chorale], [chorale], [chorale]))
    assert 0.0 < found.test < 1.0
