"""Fields of four-part pieces."""

import numpy as np

from experiments.music.harmony_fields import (
    BACK,
    DRAWN,
    harmony_fields,
    melody_windows,
    pitches_of,
    symbols_of,
    transpose_chorales,
)
from seqmodels.data.music.rolls import SILENT, Chorale
from seqmodels.data.packing import packed_batches, unpack

PITCHES = np.array([[72, 67, 60, 48], [SILENT, 65, 60, 53], [74, 67, SILENT, 55]], np.int32)


def test_symbols_are_keys_from_one_and_zero_for_silence():
    np.testing.assert_array_equal(pitches_of(symbols_of(PITCHES)), PITCHES)
    assert symbols_of(np.array([21, SILENT])).tolist() == [1, 0]


def test_windows_hold_the_melody_around_each_frame():
    windows = melody_windows(np.array([5, 6, 7], np.int32))
    np.testing.assert_array_equal(windows[:, BACK], [5, 6, 7])
    np.testing.assert_array_equal(windows[1, : BACK + 3], [5, 6, 7, 0])


def test_all_voices_are_transposed_alike_and_silence_stays():
    fields = harmony_fields([Chorale(PITCHES)], 4)
    batch = packed_batches(fields, 1, 3)(0)
    moved = transpose_chorales(batch, np.random.default_rng(3))
    lower, windows = (unpack(moved.fields[name], moved.examples)[0] for name in ("y", "melody"))
    difference = pitches_of(lower) - PITCHES[:, DRAWN]
    shift = difference[0, 0]
    assert shift != 0
    np.testing.assert_array_equal(difference, np.where(PITCHES[:, DRAWN] == SILENT, 0, shift))
    melody = pitches_of(windows[:, BACK])
    np.testing.assert_array_equal(melody, [72 + shift, SILENT, 74 + shift])
    before = unpack(moved.fields["before"], moved.examples)[0]
    np.testing.assert_array_equal(before, np.concatenate([np.zeros((1, 3)), lower[:-1]]))
