"""Fields of four-part pieces for harmonisation: the lower voices, and the melody around a frame."""

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
SYMBOLS = KEYS + 1  # 0 is silence
BACK, AHEAD = 1, 4  # frames of the melody before and after the current one that the model reads
WINDOW = BACK + 1 + AHEAD


def harmony_fields(chorales: Sequence[Chorale], meter: int) -> dict[str, Ragged]:
    """Return the symbols of the voices, of the melody around each frame, and positions."""
    symbols = [symbols_of(chorale.pitches) for chorale in chorales]
    lower = [each[:, DRAWN] for each in symbols]
    return {
        "before": ragged([np.concatenate([np.zeros_like(y[:1]), y[:-1]]) for y in lower]),
        "melody": ragged([melody_windows(each[:, 0]) for each in symbols]),
        "position": ragged([positions(len(each), meter) for each in symbols]),
        "y": ragged(lower),
    }


def symbols_of(pitches: Int[np.ndarray, "T ..."]) -> Int[np.ndarray, "T ..."]:
    """Return 0 for silence, else the number of the key from 1."""
    return np.where(pitches == SILENT, 0, pitches - LOWEST + 1).astype(np.int32)


def pitches_of(symbols: Int[np.ndarray, "T ..."]) -> Int[np.ndarray, "T ..."]:
    """Invert ``symbols_of``."""
    return np.where(symbols == 0, SILENT, symbols + LOWEST - 1).astype(np.int32)


def melody_windows(melody: Int[np.ndarray, "T"]) -> Int[np.ndarray, "T W"]:
    """Return the symbols of the melody around each frame; silence beyond its ends."""
    padded = np.pad(melody, (BACK, AHEAD))
    return np.stack([padded[shift : shift + len(melody)] for shift in range(WINDOW)], axis=1)


def positions(length: int, meter: int) -> Float[np.ndarray, "T D"]:
    """Return one in the first frame, and the position in a bar, one-hot."""
    steps = np.arange(length)[:, None]
    bar = steps % max(meter, 1) == np.arange(meter)
    return np.concatenate([steps == 0, bar], axis=1).astype(np.float32)


def transpose_chorales(batch: PackedBatch, random: np.random.Generator) -> PackedBatch:
    """Move each piece of a training batch by -6 to +5 semitones, all voices alike."""
    semitones = random.integers(DOWN, UP + 1, batch.examples.max() + 2)[batch.examples]
    fields = dict(batch.fields)
    for name in ("before", "melody", "y"):
        values = fields[name]
        moved = np.clip(values + semitones[..., None], 1, KEYS).astype(np.int32)
        fields[name] = np.where(values == 0, 0, moved)
    return batch._replace(fields=fields)
