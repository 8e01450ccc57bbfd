"""Fields of four-part pieces."""

import jax.numpy as jnp
import numpy as np

from experiments.music.harmony import MelodyContext, inputs_of_step
from experiments.music.harmony_fields import (
    BACK,
    DRAWN,
    HIGHEST,
    SYMBOLS,
    harmony_fields,
    melody_context,
    pitches_of,
    reference_notes,
    symbols_of,
    transpose_chorales,
)
from seqmodels.data.music.rolls import LOWEST, SILENT, Chorale
from seqmodels.data.packing import packed_batches, unpack

PITCHES = np.array([[72, 67, 60, 48], [SILENT, 65, 60, 53], [74, 67, SILENT, 55]], np.int32)


def test_symbols_are_intervals_below_the_melody_and_zero_for_silence():
    note = reference_notes(PITCHES[:, 0])[:, None]
    assert (note[:, 0] + LOWEST).tolist() == [72, 72, 74]
    symbols = symbols_of(PITCHES, note)
    assert symbols[0].tolist() == [HIGHEST, HIGHEST + 5, HIGHEST + 12, HIGHEST + 24]
    np.testing.assert_array_equal(pitches_of(symbols, note), PITCHES)


def test_windows_hold_the_melody_around_each_frame_as_intervals():
    context = melody_context(np.array([60, 62, SILENT, 55], np.int32), 4)
    windows = context["melody"]
    np.testing.assert_array_equal(windows[:, BACK], [HIGHEST, HIGHEST, 0, HIGHEST])
    np.testing.assert_array_equal(windows[1, : BACK + 4], [HIGHEST + 2, HIGHEST, 0, HIGHEST + 7, 0])
    np.testing.assert_array_equal(context["move"], [0, 2, 0, -7])


def test_the_voices_before_are_relative_to_the_current_note():
    fields = harmony_fields([Chorale(PITCHES)], 4)
    context = [jnp.asarray(fields[name].values) for name in MelodyContext._fields]
    inputs = np.asarray(inputs_of_step(jnp.asarray(fields["before"].values), *context))
    before = inputs[:, : 3 * SYMBOLS].reshape(-1, 3, SYMBOLS).argmax(axis=-1)
    note = fields["note"].values[:, None]
    np.testing.assert_array_equal(pitches_of(before[1:], note[1:]), PITCHES[:-1, DRAWN])


def test_transposition_changes_only_the_note_of_the_melody():
    pieces = [Chorale(PITCHES), Chorale(PITCHES + 2 * (PITCHES != SILENT))]
    fields = harmony_fields(pieces, 4)
    batch = packed_batches(fields, 1, 6)(0)
    moved = transpose_chorales(batch, np.random.default_rng(3))
    shifts = unpack(moved.fields["note"] - batch.fields["note"], batch.examples)
    assert all(len(set(values.tolist())) == 1 for values in shifts.values())
    assert {int(values[0]) for values in shifts.values()} != {0}
    others = [name for name in fields if name != "note"]
    for name in others:
        np.testing.assert_array_equal(moved.fields[name], batch.fields[name])
        np.testing.assert_array_equal(*np.split(fields[name].values, 2))
