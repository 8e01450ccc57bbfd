"""Labelled texts in published formats, recognized by their file names.

===============================  =============================================================
rt-polarity.pos rt-polarity.neg  one text per line (MR)
train/pos/*.txt test/neg/*.txt   one text per file (IMDB)
train.tsv dev.tsv test.tsv       ``text<TAB>label`` per line (SST-2), or with a header (GLUE)
train.csv, or a single file.csv  with a header; columns are chosen by name
train_5500.label TREC_10.label   ``COARSE:fine text`` per line (TREC); also train.txt, test.txt
Dutch.txt Greek.txt ...          one name per line; the file name is the label
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
    """A text and the name of its class.

    attributes: further inputs, such as a price
    properties: names of the evaluation subsets that the example belongs to
    """

    text: str
    label: str
    attributes: tuple[str, ...] = ()
    properties: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a table."""

    text: tuple[str, ...] = ("text",)  # joined by a full stop
    label: tuple[str, ...] = ("label",)  # joined by a colon, coarse to fine
    attributes: tuple[str, ...] = ()

    def flag_of(self, name: str) -> str:
        """Return the command-line flag that chooses a column."""
        if name in self.label:
            return "--label-columns"
        return "--text-columns" if name in self.text else "--attribute-columns"


TREC = {"train": "train_5500.label", "test": "TREC_10.label"}


def read_labelled(
    path: str | Path, columns: Columns | None = None, held_out: float = 0.1
) -> Splits:
    """Read lists of train, dev and test examples.

    A missing dev or test split is replaced by this fraction of the training examples, chosen by
    the hash of the text.
    """
    path, columns = Path(path).expanduser(), columns or Columns()
    if path.is_file():
        return _complete({"train": _read_table(path, columns)}, path, held_out)
    if (path / "rt-polarity.pos").is_file():
        return _complete({"train": _read_polarity(path)}, path, held_out)
    if (path / TREC["train"]).is_file():
        files = {split: path / name for split, name in TREC.items() if (path / name).is_file()}
        trec = {split: _read_prefixed(file, columns) for split, file in files.items()}
        return _complete(trec, path, held_out)
    for suffix, read in FORMATS.items():
        if (path / f"train{suffix}").exists():
            files = {split: path / f"{split}{suffix}" for split in Splits._fields}
            found = {split: read(file, columns) for split, file in files.items() if file.exists()}
            return _complete(found, path, held_out)
    if names := sorted(path.glob("*.txt")):
        return _complete(
            {"train": [e for file in names for e in _read_names(file)]}, path, held_out
        )
    raise UserError(
        f"--data {path}: there is no train.tsv, train.csv, train.txt, train/pos or "
        "rt-polarity.pos in it; give such a folder, or a .csv or .tsv file"
    )


def _complete(found: dict[str, list[Example]], path: Path, held_out: float) -> Splits:
    """Drop examples without a label, and hold out the splits that are then missing."""
    splits = {name: [e for e in examples if e.label] for name, examples in found.items()}
    missing = [name for name in ("dev", "test") if not splits.get(name)]
    if missing:
        dev, test = (held_out * (name in missing) for name in ("dev", "test"))
        train = splits["train"]
        chosen = hash_split((e.text for e in train), (1.0 - dev - test, dev, test))
        for name, rows in chosen._asdict().items():
            splits[name] = [train[row] for row in rows] if len(rows) else splits.get(name, [])
    if empty := [name for name in Splits._fields if not splits[name]]:
        count = sum(map(len, found.values()))
        raise UserError(
            f"--data {path}: {count} examples are too few, {empty[0]} is empty; add examples or "
            f"a file for {empty[0]}"
        )
    return Splits(**splits)


def _decode(path: Path) -> str:
    """Read UTF-8, or Latin-1 as in TREC and MR."""
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _lines(path: Path) -> list[str]:
    """Return the lines that are not blank. Only a newline ends a line, unlike in splitlines()."""
    return [line.rstrip("\r") for line in _decode(path).split("\n") if line.strip()]


def _read_polarity(path: Path) -> list[Example]:
    return [
        Example(line, label)
        for label in ("neg", "pos")
        for line in _lines(path / f"rt-polarity.{label}")
    ]


def _read_folders(path: Path, columns: Columns) -> list[Example]:
    labels = sorted(folder for folder in path.iterdir() if folder.is_dir())
    return [
        Example(_decode(file).replace("<br />", " "), folder.name)
        for folder in labels
        if folder.name != "unsup"  # IMDB's unlabelled texts
        for file in sorted(folder.glob("*.txt"))
    ]


def _read_names(file: Path) -> Iterator[Example]:
    return (Example(line.strip(), file.stem) for line in _lines(file))


def _read_prefixed(path: Path, columns: Columns) -> list[Example]:
    examples = []
    for number, line in enumerate(_lines(path), 1):
        label, _, text = line.partition(" ")
        if not text or ":" not in label:
            raise UserError(f"--data {path}, line {number}: expected 'COARSE:fine text'")
        examples.append(Example(text, label))
    return examples


def _read_table(path: Path, columns: Columns) -> list[Example]:
    """Read a table with a header, or lines ``text<TAB>label`` without one."""
    if path.suffix == ".csv":
        rows = list(csv.reader(io.StringIO(_decode(path), newline="")))
    else:
        rows = [line.split("\t") for line in _lines(path)]
    if path.suffix == ".tsv" and rows and "label" not in rows[0] and "sentence" not in rows[0]:
        return [_pair(path, number, row) for number, row in enumerate(rows, 1)]
    header = ["text" if name == "sentence" else name for name in rows[0]] if rows else []
    if path.name == "test.tsv" and "label" not in header:
        return []  # GLUE does not publish the labels of its test split
    if missing := sorted({*columns.text, *columns.attributes, *columns.label} - set(header)):
        raise UserError(
            f'--data {path}: no column "{missing[0]}" (found: {", ".join(header)}); '
            f"name it with {columns.flag_of(missing[0])}"
        )
    return [_row(path, number, header, row, columns) for number, row in enumerate(rows[1:], 2)]


def _pair(path: Path, number: int, row: list[str]) -> Example:
    if len(row) != 2:
        raise UserError(f"--data {path}, line {number}: expected 'text<TAB>label'")
    return Example(row[0], row[1])


def _row(path: Path, number: int, header: list[str], row: list[str], columns: Columns) -> Example:
    if len(row) != len(header):
        raise UserError(
            f"--data {path}, row {number}: {len(row)} columns, but the header has {len(header)}"
        )
    cells = dict(zip(header, row, strict=True))
    text = " . ".join(cells[name] for name in columns.text)
    label = ":".join(cells[name] for name in columns.label)
    return Example(text, label, tuple(cells[name] for name in columns.attributes))


FORMATS: dict[str, Callable[[Path, Columns], list[Example]]] = {  # by the suffix of train
    "": _read_folders,
    ".tsv": _read_table,
    ".csv": _read_table,
    ".txt": _read_prefixed,
}
