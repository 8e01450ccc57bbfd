"""Readers of parallel corpora in the formats in which they are published.

============================================  ==================================================
train.de train.en val.de val.en test.de ...   one sentence per line; line n of one file
                                              translates line n of the other; plain or .gz
                                              (Multi30k)
a .tsv or .txt file, alone or in a .zip       ``first<TAB>second`` per line; further columns are
                                              ignored (Tatoeba, manythings.org)
============================================  ==================================================
"""

import gzip
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from seqmodels.data.splits import Splits, hash_split
from seqmodels.errors import UserError

SPLIT_PREFIXES = {"train": ("train",), "dev": ("dev", "val"), "test": ("test",)}
SPLIT_FRACTIONS = (0.96, 0.02, 0.02)


class Pair(NamedTuple):
    """A sentence and its translation."""

    source: str
    target: str


def read_pairs(path: str | Path, languages: tuple[str, str], test: str = "test") -> Splits:
    """Read lists of train, dev and test pairs.

    languages: suffixes of the line-aligned files, source first
    test:      prefix of the test files; the first match in alphabetical order is read

    A table is split by a hash of its first column, so that no first sentence is in two splits.
    """
    path = Path(path).expanduser()
    if path.is_file():
        return _split_by_source(_read_table(path), path)
    if not path.is_dir():
        raise UserError(f"--data {path}: there is no such file or folder")
    tables = [
        file
        for file in sorted(path.iterdir())
        if file.suffix in (".zip", ".tsv", ".txt") and file.name[0] not in "._"
    ]
    if len(tables) == 1 and not any(path.glob(f"train*.{languages[0]}*")):
        return _split_by_source(_read_table(tables[0]), tables[0])
    prefixes = SPLIT_PREFIXES | {"test": (test,)}
    return Splits(**{name: _find_aligned(path, languages, prefixes[name]) for name in prefixes})


def _find_aligned(
    folder: Path, languages: tuple[str, str], prefixes: tuple[str, ...]
) -> list[Pair]:
    """Read the first two line-aligned files whose names have one of the prefixes."""
    for suffix in ("", ".gz"):
        for prefix in prefixes:
            for first in sorted(folder.glob(f"{prefix}*.{languages[0]}{suffix}")):
                stem = first.name.removesuffix(f".{languages[0]}{suffix}")
                second = folder / f"{stem}.{languages[1]}{suffix}"
                if second.is_file():
                    return _read_aligned(first, second)
    raise UserError(
        f"--data {folder}: no pair of files {prefixes[0]}.{languages[0]} and "
        f"{prefixes[0]}.{languages[1]} (or .gz); name the two languages with --languages"
    )


def _read_aligned(first: Path, second: Path) -> list[Pair]:
    """Pair the lines of two files, without pairs of which one side is empty."""
    left, right = read_lines(first), read_lines(second)
    if len(left) != len(right):
        raise UserError(
            f"{first} has {len(left)} lines and {second} has {len(right)}; line n of one must "
            "translate line n of the other"
        )
    pairs = [Pair(a, b) for a, b in zip(left, right, strict=True) if a.strip() and b.strip()]
    if not pairs:
        raise UserError(f"{first} and {second} have no line that is filled in both files")
    return pairs


def _read_table(path: Path) -> list[Pair]:
    """Read the first two columns of a table, without repeated pairs."""
    pairs: dict[Pair, None] = {}
    for number, line in enumerate(_table_lines(path), 1):
        first, *rest = line.split("\t")
        if line.strip() and not (rest and first.strip() and rest[0].strip()):
            raise UserError(f"{path} line {number} is not 'sentence<TAB>translation'")
        if line.strip():
            pairs[Pair(first, rest[0])] = None
    return list(pairs)


def _table_lines(path: Path) -> list[str]:
    if path.suffix != ".zip":
        return read_lines(path)
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                file = Path(name)
                if file.suffix in (".txt", ".tsv") and not file.name.startswith(("_", ".")):
                    return decode_lines(archive.read(name), f"{name} in {path}")
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise UserError(f"{path} is not a zip file, or is damaged; download it again") from None
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or an unknown compression
        raise UserError(f"{path} cannot be extracted ({error}); extract it yourself") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check the path") from None
    raise UserError(f"{path} contains no .txt or .tsv file")


def read_lines(path: Path) -> list[str]:
    """Read the lines of a UTF-8 file, which may be compressed (.gz)."""
    try:
        content = path.read_bytes()
        return decode_lines(
            gzip.decompress(content) if path.suffix == ".gz" else content, str(path)
        )
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path} is not a gzip file, or is truncated ({error})") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check the path") from None


def decode_lines(content: bytes, name: str) -> list[str]:
    """Decode UTF-8 and split at newlines.

    ``splitlines`` would also split at other characters, which occur inside of sentences.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is not UTF-8 (position {error.start}); convert it") from None
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _split_by_source(pairs: list[Pair], path: Path) -> Splits:
    rows = hash_split((pair.source for pair in pairs), SPLIT_FRACTIONS)
    splits = Splits(*([pairs[row] for row in part] for part in rows))
    if not all(splits):
        raise UserError(f"--data {path}: {len(pairs)} pairs are too few to split; give more")
    return splits
