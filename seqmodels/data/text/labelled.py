"""Labelled texts in the formats in which they are published; the file's names tell which.

===============================  =============================================================
rt-polarity.pos rt-polarity.neg  a text a line (MR)
train/pos/*.txt test/neg/*.txt   a text a file (IMDB)
train.tsv dev.tsv test.tsv       ``text<TAB>label`` a line (SST-2), or with a header (GLUE)
train.csv, or one file.csv       with a header; columns by their names
train_5500.label TREC_10.label   ``COARSE:fine text`` a line (TREC); also train.txt, test.txt
Dutch.txt Greek.txt ...          a name a line, labelled by the file it is in
===============================  =============================================================
"""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from seqmodels.data.splits import Splits, hash_split
from seqmodels.errors import UserError


class Example(NamedTuple):
    """A text, the name of its class, and what else is known of it.

    ``attributes`` are inputs beside the text; ``properties`` only sort what is measured.
    """

    text: str
    label: str
    attributes: tuple[str, ...] = ()
    properties: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are called."""

    text: tuple[str, ...] = ("text",)  # joined by a full stop
    label: tuple[str, ...] = ("label",)  # joined by a colon, coarse to fine
    attributes: tuple[str, ...] = ()


Reader = Callable[[Path, Columns], list[Example]]
TREC = {"train": "train_5500.label", "test": "TREC_10.label"}


def read_labelled(path: str | Path, columns: Columns | None = None, held: float = 0.1) -> Splits:
    """Lists of train, dev and test examples.

    A part that is not there is taken from the training part, this share of it, by hash of the
    text.
    """
    path, columns = Path(path).expanduser(), columns or Columns()
    if path.is_file():
        return _complete({"train": _table(path, columns)}, path, held)
    if (path / "rt-polarity.pos").is_file():
        return _complete({"train": _polarity(path)}, path, held)
    if (path / TREC["train"]).is_file():
        trec = {part: path / name for part, name in TREC.items() if (path / name).is_file()}
        return _complete({p: _prefixed(f, columns) for p, f in trec.items()}, path, held)
    readers: dict[str, Reader] = {"": _folders, ".tsv": _table, ".csv": _table, ".txt": _prefixed}
    for suffix, read in readers.items():
        if (path / f"train{suffix}").exists():
            parts = {name: path / f"{name}{suffix}" for name in Splits._fields}
            found = {name: read(p, columns) for name, p in parts.items() if p.exists()}
            return _complete(found, path, held)
    if files := sorted(path.glob("*.txt")):
        return _complete({"train": [e for file in files for e in _named(file)]}, path, held)
    raise UserError(
        f"--data {path}: there is no train.tsv, train.csv, train.txt, train/pos or "
        "rt-polarity.pos in it; give such a folder, or a .csv or .tsv file"
    )


def _complete(found: dict[str, list[Example]], path: Path, held: float) -> Splits:
    """All three parts; examples without a label, as in GLUE's own test file, are left out."""
    parts = {name: [e for e in examples if e.label] for name, examples in found.items()}
    missing = [name for name in ("dev", "test") if not parts.get(name)]
    if missing:
        dev, test = (held * (name in missing) for name in ("dev", "test"))
        shares = 1.0 - dev - test, dev, test
        train = parts["train"]
        for name, rows in hash_split((e.text for e in train), shares)._asdict().items():
            parts[name] = [train[row] for row in rows] if len(rows) else parts.get(name, [])
    if empty := [name for name in Splits._fields if not parts[name]]:
        raise UserError(
            f"--data {path}: of {sum(map(len, found.values()))} examples none is left for "
            f"{empty[0]}: give more, or files of its own for each part"
        )
    return Splits(**parts)


def _read(path: Path) -> str:
    """UTF-8, or Latin-1 as TREC and MR have it."""
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _lines(path: Path) -> list[str]:
    """Lines that are not empty; only newlines part them, for a text may hold other separators."""
    return [line.rstrip("\r") for line in _read(path).split("\n") if line.strip()]


def _polarity(path: Path) -> list[Example]:
    return [
        Example(line, label)
        for label in ("neg", "pos")
        for line in _lines(path / f"rt-polarity.{label}")
    ]


def _folders(path: Path, columns: Columns) -> list[Example]:
    labels = sorted(folder for folder in path.iterdir() if folder.is_dir())
    return [
        Example(_read(file).replace("<br />", " "), folder.name)
        for folder in labels
        if folder.name != "unsup"
        for file in sorted(folder.glob("*.txt"))
    ]


def _named(file: Path) -> Iterator[Example]:
    return (Example(line.strip(), file.stem) for line in _lines(file))


def _prefixed(path: Path, columns: Columns) -> list[Example]:
    pairs = [(number, line.partition(" ")) for number, line in enumerate(_lines(path), 1)]
    for number, (label, _, text) in pairs:
        if not text or ":" not in label:
            raise UserError(f"{path} line {number} is not 'COARSE:fine text'")
    return [Example(text, label) for _, (label, _, text) in pairs]


def _table(path: Path, columns: Columns) -> list[Example]:
    """A table with a header, or lines ``text<TAB>label`` without one."""
    if path.suffix == ".csv":
        rows = list(csv.reader(io.StringIO(_read(path), newline="")))
    else:
        rows = [line.split("\t") for line in _lines(path)]
    if path.suffix == ".tsv" and rows and "label" not in rows[0] and "sentence" not in rows[0]:
        return [_bare(path, number, row) for number, row in enumerate(rows, 1)]
    header = ["text" if name == "sentence" else name for name in rows[0]] if rows else []
    wanted = {*columns.text, *columns.attributes, *columns.label}
    test_of_glue = path.stem == "test" and "label" not in header  # it keeps its labels back
    if test_of_glue and path.suffix == ".tsv":
        return []
    if unknown := sorted(wanted - set(header)):
        raise UserError(
            f"{path} has no column {unknown[0]!r}, only {', '.join(header)}: name its columns "
            "with --text-columns and --label-columns"
        )
    return [_row(path, number, header, row, columns) for number, row in enumerate(rows[1:], 2)]


def _bare(path: Path, number: int, row: list[str]) -> Example:
    if len(row) != 2:
        raise UserError(f"{path} line {number} is not 'text<TAB>label'")
    return Example(row[0], row[1])


def _row(path: Path, number: int, header: list[str], row: list[str], columns: Columns) -> Example:
    if len(row) != len(header):
        raise UserError(f"{path} row {number} has {len(row)} columns, the header {len(header)}")
    cells = dict(zip(header, row, strict=True))
    text = " . ".join(cells[name] for name in columns.text)
    label = ":".join(cells[name] for name in columns.label)
    return Example(text, label, tuple(cells[name] for name in columns.attributes))
