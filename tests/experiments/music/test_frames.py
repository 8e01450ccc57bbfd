"""Frames as inputs and targets."""

import numpy as np

from experiments.music.frames import frame_fields, frame_inputs, input_size, transpose_pieces
from seqmodels.data.music.rolls import KEYS, Piece, frames_from_chords, transpose
from seqmodels.data.packing import packed_batches, unpack

CHORDS = frames_from_chords([[60, 64], [], [67], [30, 60], [61]])


def test_inputs_are_the_frame_before_the_start_and_the_position():
    inputs = frame_inputs(CHORDS, meter=2)
    assert inputs.shape == (5, input_size(2))
    np.testing.assert_array_equal(inputs[0, :KEYS], 0)
    np.testing.assert_array_equal(inputs[1:, :KEYS], CHORDS[:-1])
    np.testing.assert_array_equal(inputs[:, KEYS], [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(inputs[:, KEYS + 1 :].argmax(axis=1), [0, 1, 0, 1, 0])


def test_pieces_are_transposed_as_a_whole_inputs_and_targets_alike():
    pieces = [Piece(CHORDS), Piece(CHORDS[:3]), Piece(CHORDS[1:])]
    batch = packed_batches(frame_fields(pieces, 2), 2, 8)(0)
    moved = transpose_pieces(batch, np.random.default_rng(1))
    targets, inputs = (unpack(moved.fields[name], moved.examples) for name in ("y", "x"))
    found = set()
    for number, piece in enumerate(pieces):
        shift = int(targets[number].any(axis=0).argmax() - piece.frames.any(axis=0).argmax())
        np.testing.assert_array_equal(targets[number], transpose(piece.frames, shift))
        np.testing.assert_array_equal(inputs[number], frame_inputs(targets[number], 2))
        found.add(shift)
    assert len(found) > 1
    assert all(-6 <= shift <= 5 for shift in found)
