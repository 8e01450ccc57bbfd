"""Frames of notes as inputs and targets, and their transposition."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from seqmodels.data.music.rolls import KEYS, Piece
from seqmodels.data.packing import PackedBatch
from seqmodels.data.ragged import Ragged, ragged

DOWN, UP = -6, 5  # semitones of the transpositions, which give every key once


def frame_fields(pieces: Sequence[Piece], meter: int) -> dict[str, Ragged]:
    """Return the inputs ``x`` and targets ``y`` of each piece."""
    return {
        "x": ragged([frame_inputs(piece.frames, meter) for piece in pieces]),
        "y": ragged([piece.frames for piece in pieces]),
    }


def frame_inputs(frames: Bool[np.ndarray, "T K"], meter: int) -> Float[np.ndarray, "T D"]:
    """Return what the model reads before it predicts each frame.

    The notes of the frame before, a one in the first step, whose frame before does not exist, and
    the position in a bar of ``meter`` frames, one-hot.
    """
    steps = np.arange(len(frames))
    before = np.concatenate([np.zeros_like(frames[:1]), frames[:-1]])
    position = steps[:, None] % max(meter, 1) == np.arange(meter)
    return np.concatenate([before, steps[:, None] == 0, position], axis=1).astype(np.float32)


def input_size(meter: int) -> int:
    """Return the number of features of ``frame_inputs``."""
    return KEYS + 1 + meter


def transpose_pieces(batch: PackedBatch, random: np.random.Generator) -> PackedBatch:
    """Move each piece of a training batch by -6 to +5 semitones, inputs and targets alike."""
    semitones = random.integers(DOWN, UP + 1, batch.examples.max() + 2)[batch.examples]
    fields = dict(batch.fields)
    for name in ("x", "y"):
        values = fields[name].copy()
        values[..., :KEYS] = transpose(values[..., :KEYS], semitones)
        fields[name] = values
    return batch._replace(fields=fields)


def transpose(
    notes: Shaped[np.ndarray, "*B K"], semitones: Int[np.ndarray, "*B"]
) -> Shaped[np.ndarray, "*B K"]:
    """Move the notes of each frame; notes beyond the ends of the keyboard are dropped."""
    source = np.arange(KEYS) - semitones[..., None]
    inside = (source >= 0) & (source < KEYS)
    moved = np.take_along_axis(notes, np.clip(source, 0, KEYS - 1), axis=-1)
    return moved * inside.astype(notes.dtype)
