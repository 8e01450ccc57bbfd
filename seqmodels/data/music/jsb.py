"""Published data sets of Bach's chorales and of folk tunes as piano rolls.

=========  ========================================================================
``.json``  split -> pieces -> frames -> MIDI pitches, or four voices (-1 is silence)
``.npz``   split -> pieces ``[T, 4]`` of four voices (NaN is silence)
``.mat``   ``traindata``, ``validdata``, ``testdata``: cells of rolls ``[T, 88]``
=========  ========================================================================

Boulanger-Lewandowski, Bengio and Vincent (2012), "Modeling temporal dependencies in
high-dimensional sequences", arXiv:1206.6392. None of the formats distinguishes held notes from
repeated ones.
"""

import io
import json
import pickle
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Int

from seqmodels.data.music.rolls import (
    KEYS,
    SILENT,
    VOICES,
    Chorale,
    Piece,
    frames_from_chords,
)
from seqmodels.errors import UserError

SPLITS = {"train": "train", "valid": "dev", "test": "test"}
MAT_NAMES = {split: f"{split}data" for split in SPLITS}
STEPS = {"16th": 4, "8th": 2}  # frames per quarter note, by a part of the file's name
T = TypeVar("T")


def read_json(path: Path) -> dict[str, list[Piece]]:
    """Read piano rolls; the splits are "train", "dev" and "test"."""

    def piece(chords: Sequence[Sequence[int]], name: str) -> Piece:
        heard = [[int(pitch) for pitch in chord if pitch != SILENT] for chord in chords]
        return Piece(frames_from_chords(heard), name, _steps(path))

    return _convert(path, _load_json(path), piece)


def read_voices(path: Path) -> dict[str, list[Chorale]]:
    """Read four voices per frame from an ``.npz`` or ``.json`` file."""

    def chorale(values: Any, name: str) -> Chorale:
        return Chorale(_pitches(path, values), name, _steps(path))

    is_json = path.suffix == ".json"
    return _convert(path, _load_json(path) if is_json else _load_npz(path), chorale)


def read_mat(path: Path, steps: int = 1) -> dict[str, list[Piece]]:
    """Read piano rolls from a MATLAB file with ``steps`` frames per quarter note."""
    from scipy.io import loadmat

    try:
        values = loadmat(path)
        splits = {split: values[name].ravel() for split, name in MAT_NAMES.items()}
    except (OSError, ValueError, NotImplementedError, TypeError) as error:
        raise UserError(f"--data {path} is not a MATLAB file of version 5: {error}") from None
    except KeyError as error:
        raise UserError(f"--data {path} has no {error}: give a file with piano rolls") from None

    def piece(frames: Any, name: str) -> Piece:
        if frames.ndim != 2 or frames.shape[1] != KEYS:
            raise UserError(f"--data {path}: {name} is not a piano roll of 88 columns")
        return Piece(frames.astype(bool), name, steps)

    return _convert(path, splits, piece)


def _convert(
    path: Path, splits: Mapping[str, Any], convert: Callable[[Any, str], T]
) -> dict[str, list[T]]:
    try:
        return {
            name: [convert(piece, f"{name} {i}") for i, piece in enumerate(splits[source])]
            for source, name in SPLITS.items()
        }
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UserError(
            f"--data {path}: expected train, valid and test, each a list of pieces ({error!r})"
        ) from None


def _steps(path: Path) -> int:
    return next((steps for part, steps in STEPS.items() if part in path.name.lower()), 1)


def _load_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"--data {path} is not a JSON file: {error}") from None


def _pitches(path: Path, values: Any) -> Int[np.ndarray, "T 4"]:
    """Convert one piece to integers; NaN is silence."""
    array = np.asarray(values, np.float32)
    if array.ndim != 2 or array.shape[1] != VOICES:
        raise UserError(f"--data {path}: a piece does not have four voices in each frame")
    return np.where(np.isnan(array), SILENT, np.nan_to_num(array)).astype(np.int32)


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickle numpy arrays and nothing else, because a pickle could run any code."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {"_reconstruct", "ndarray", "dtype", "scalar"}
        if module.split(".")[0] == "numpy" and name in allowed:
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a data file")


def _load_npz(path: Path) -> dict[str, Any]:
    """Load object arrays of ``[T, 4]`` pieces, as Python 2 pickled them."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                name: _load_objects(archive.read(f"{name}.npy"))
                for name in SPLITS
                if f"{name}.npy" in archive.namelist()
            }
    except (OSError, zipfile.BadZipFile, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise UserError(f"--data {path} is not an .npz file of pieces: {error}") from None


def _load_objects(raw: bytes) -> Any:
    file = io.BytesIO(raw)
    np.lib.format.read_magic(file)
    np.lib.format.read_array_header_1_0(file)
    return _ArrayUnpickler(file, encoding="latin1").load()
