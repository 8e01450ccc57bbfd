"""Reader for the idx format of MNIST."""

import gzip
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from seqmodels.errors import UserError

BYTES = 8  # the idx code of unsigned bytes


def read_idx(path: Path, axes: int) -> UInt8[np.ndarray, "..."]:
    """Read an array of bytes with this number of axes from an idx file or a gzipped one.

    The format is two zero bytes, the type code, the number of axes, the size of each axis as a
    big-endian integer of 4 bytes, and the values.
    """
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as problem:
        raise UserError(f"cannot read {path}: {problem}") from None
    shape = tuple(np.frombuffer(raw[4 : 4 + 4 * axes], ">u4").tolist())
    values = np.frombuffer(raw[4 + 4 * axes :], np.uint8)
    if raw[:4] != bytes([0, 0, BYTES, axes]) or len(values) != np.prod(shape):
        raise UserError(f"{path} is not an idx file of bytes with {axes} axes")
    return values.reshape(shape)


def find_idx(folder: Path, name: str) -> Path:
    """Return the path of an idx file in a folder, or of its gzipped form."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise UserError(f"--data {folder}: there is no {name} or {name}.gz; give MNIST's folder")
