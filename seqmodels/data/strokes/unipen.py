"""UniPen words and digits in an npz file of pen movements with a tsv table of labels.

The npz file holds ``offsets``, ``dx``, ``dy`` (int16) and ``end_of_stroke`` (packed bits). Item i
is the points ``offsets[i]:offsets[i + 1]``, which begin at (0, 0); y points upward. Row i of the
table is ``contributor<TAB>writer<TAB>label``.

Guyon et al. (1994), "UNIPEN project of on-line data exchange and recognizer benchmarks".
"""

import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np

from seqmodels.data.handwriting import Sample, split_by_writer
from seqmodels.data.splits import Splits
from seqmodels.data.strokes.strokes import Ink, clean
from seqmodels.errors import UserError

ARRAYS = ("offsets", "dx", "dy", "end_of_stroke")


def read_unipen(path: str | Path) -> Splits:
    """Read a folder, an npz file or its table, and split 80 / 10 / 10 % by writer."""
    return split_by_writer(read_unipen_samples(path))


def read_unipen_samples(path: str | Path) -> list[Sample]:
    """Read all items of a folder, an npz file or its table."""
    arrays, table = _find(Path(path).expanduser())
    rows, inks = _read_table(table), _read_inks(arrays)
    if len(rows) != len(inks):
        raise UserError(f"--data {table}: {len(rows)} rows, but {arrays.name} has {len(inks)}")
    pairs = enumerate(zip(rows, inks, strict=True), 1)
    return [
        Sample(label, f"{contributor}/{writer}", ink, None, f"{table.name}:{number}")
        for number, ((contributor, writer, label), ink) in pairs
    ]


def is_unipen(path: Path) -> bool:
    """Return whether a path is a folder, an npz file or a table that ``read_unipen`` reads."""
    if path.is_dir():
        return any(file.with_suffix(".tsv").is_file() for file in path.glob("*.npz"))
    return path.suffix == ".npz" or (path.suffix == ".tsv" and path.with_suffix(".npz").is_file())


def _find(path: Path) -> tuple[Path, Path]:
    """Return the paths of the npz file and of its table."""
    if path.is_dir():
        pairs = sorted(p for p in path.glob("*.npz") if p.with_suffix(".tsv").is_file())
        words = [pair for pair in pairs if "word" in pair.name]
        pairs = words if len(words) == 1 else pairs
        if len(pairs) != 1:
            found = ", ".join(pair.name for pair in pairs) or "none"
            raise UserError(
                f"--data {path}: give one .npz file that has a table of the same name (.tsv); "
                f"found: {found}"
            )
        path = pairs[0]
    pair = path.with_suffix(".npz"), path.with_suffix(".tsv")
    if missing := [file for file in pair if not file.is_file()]:
        raise UserError(f"--data {path}: there is no {missing[0]}")
    return pair


def _read_table(path: Path) -> list[list[str]]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--data {path} cannot be read: {error}") from error
    rows = [line.split("\t") for line in lines if line.strip()]
    if not rows:
        raise UserError(f"--data {path} is empty; it needs a row for each item")
    for number, row in enumerate(rows, 1):
        if len(row) != 3 or not row[2]:
            raise UserError(
                f"--data {path}, line {number}: expected 'contributor<TAB>writer<TAB>label'"
            )
    return rows


def _read_inks(path: Path) -> list[Ink]:
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in ARRAYS}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"--data {path} is not an npz file with {', '.join(ARRAYS)}: {error}"
        ) from None
    offsets = arrays["offsets"].astype(np.int64)
    lifts = np.unpackbits(arrays["end_of_stroke"])[: offsets[-1]].astype(bool)
    steps = np.stack([arrays["dx"], arrays["dy"]], axis=1).astype(np.float32)
    if len({offsets[-1], len(steps), len(lifts)}) != 1:
        raise UserError(f"--data {path}: the lengths of its arrays do not match its offsets")
    return [clean(Ink(np.cumsum(steps[a:b], axis=0), lifts[a:b])) for a, b in pairwise(offsets)]
