"""Fields of four-part pieces for harmonisation, as intervals from the melody.

A voice is the number of semitones below the melody, so that all but the melody's own pitch is the
same in every key. In a rest of the melody, its last note is the reference.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from experiments.music.frames import DOWN, UP
from seqmodels.data.music.rolls import KEYS, LOWEST, SILENT, Chorale
from seqmodels.data.packing import PackedBatch
from seqmodels.data.ragged import Ragged, ragged

DRAWN = (3, 1, 2)  # bass, alto, tenor: columns of ``Chorale.pitches``
NAMES = ("bass", "alto", "tenor")
ORDER = (1, 2, 0)  # where alto, tenor and bass are among those drawn
SYMBOLS = 64  # 0 is silence, n is n - HIGHEST semitones below the melody; larger ones are clipped
HIGHEST = 13
BACK, AHEAD = 1, 4  # frames of the melody before and after the current one that the model reads
WINDOW = BACK + 1 + AHEAD


def harmony_fields(chorales: Sequence[Chorale], meter: int) -> dict[str, Ragged]:
    """Return the fields of each piece.

    before:   symbols of the lower voices of the frame before, relative to the melody there
    melody:   symbols of the melody around each frame, relative to the current one
    note:     number of the current key of the melody, or of its last one in a rest
    move:     semitones from the melody's note in the frame before
    position: first frame, and position in the bar
    y:        symbols of the lower voices
    """
    contexts = [melody_context(chorale.pitches[:, 0], meter) for chorale in chorales]
    lower = [
        symbols_of(chorale.pitches[:, DRAWN], context["note"][:, None])
        for chorale, context in zip(chorales, contexts, strict=True)
    ]
    before = [np.concatenate([np.zeros_like(y[:1]), y[:-1]]) for y in lower]
    fields = {name: ragged([context[name] for context in contexts]) for name in contexts[0]}
    return fields | {"before": ragged(before), "y": ragged(lower)}


def melody_context(melody: Int[np.ndarray, "T"], meter: int) -> dict[str, np.ndarray]:
    """Return the fields that depend on the melody alone."""
    note = reference_notes(melody)
    move = np.diff(note, prepend=note[:1]).astype(np.int32)
    padded = np.pad(melody, (BACK, AHEAD), constant_values=SILENT)
    around = np.stack([padded[k : k + len(melody)] for k in range(WINDOW)], axis=1)
    window = symbols_of(around, note[:, None])
    return {
        "melody": window,
        "note": note,
        "move": move,
        "position": positions(len(melody), meter),
    }


def reference_notes(melody: Int[np.ndarray, "T"]) -> Int[np.ndarray, "T"]:
    """Return the key of the melody's last note, counted from 0, or before it of the first one."""
    sounds = np.flatnonzero(melody != SILENT)
    if not len(sounds):
        return np.full(len(melody), KEYS // 2, np.int32)
    last = np.searchsorted(sounds, np.arange(len(melody)), side="right") - 1
    return (melody[sounds[np.maximum(last, 0)]] - LOWEST).astype(np.int32)


def symbols_of(
    pitches: Int[np.ndarray, "T N"], note: Int[np.ndarray, "T 1"]
) -> Int[np.ndarray, "T N"]:
    """Return 0 for silence, else how far below the melody a pitch is."""
    symbols = np.clip(note + LOWEST - pitches + HIGHEST, 1, SYMBOLS - 1)
    return np.where(pitches == SILENT, 0, symbols).astype(np.int32)


def pitches_of(
    symbols: Int[np.ndarray, "T N"], note: Int[np.ndarray, "T 1"]
) -> Int[np.ndarray, "T N"]:
    """Invert ``symbols_of``; the result is one of the 88 keys."""
    pitches = np.clip(note + LOWEST + HIGHEST - symbols, LOWEST, LOWEST + KEYS - 1)
    return np.where(symbols == 0, SILENT, pitches).astype(np.int32)


def positions(length: int, meter: int) -> Float[np.ndarray, "T D"]:
    """Return one in the first frame, and the position in a bar, one-hot."""
    steps = np.arange(length)[:, None]
    bar = steps % max(meter, 1) == np.arange(meter)
    return np.concatenate([steps == 0, bar], axis=1).astype(np.float32)


def transpose_chorales(batch: PackedBatch, random: np.random.Generator) -> PackedBatch:
    """Move each piece of a training batch by -6 to +5 semitones, all voices alike."""
    semitones = random.integers(DOWN, UP + 1, batch.examples.max() + 2)[batch.examples]
    note = np.clip(batch.fields["note"] + semitones, 0, KEYS - 1).astype(np.int32)
    return batch._replace(fields=batch.fields | {"note": note})
