"""Pairs of sentences in two languages, in the formats in which they are published.

============================================  ==================================================
train.de train.en val.de val.en test.de ...   a sentence a line, lines of one number belong
                                              together; plain or .gz (Multi30k)
a .tsv or .txt file, alone or in a .zip       ``first<TAB>second`` a line, more columns are passed
                                              over (Tatoeba, manythings.org)
============================================  ==================================================
"""

import gzip
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from seqmodels.data.splits import Splits, hash_split
from seqmodels.errors import UserError

NAMES = {"train": ("train",), "dev": ("dev", "val"), "test": ("test",)}
SHARES = (0.96, 0.02, 0.02)


class Pair(NamedTuple):
    """A sentence and its translation."""

    source: str
    target: str


def read_pairs(path: str | Path, languages: tuple[str, str], test: str = "test") -> Splits:
    """Lists of train, dev and test pairs; ``languages`` end the names of line-aligned files.

    ``test`` is how the name of the test files begins; of several the first in order is taken.
    Pairs of one file are split by the first side, so that no sentence of it is in two parts.
    """
    path = Path(path).expanduser()
    if path.is_file():
        return _shared_out(_table(path), path)
    if not path.is_dir():
        raise UserError(f"--data {path}: there is no such file or folder")
    tables = [
        file
        for file in sorted(path.iterdir())
        if file.suffix in (".zip", ".tsv", ".txt") and file.name[0] not in "._"
    ]
    if len(tables) == 1 and not any(path.glob(f"train*.{languages[0]}*")):
        return _shared_out(_table(tables[0]), tables[0])
    names = NAMES | {"test": (test,)}
    return Splits(**{part: _aligned(path, languages, names[part]) for part in Splits._fields})


def _aligned(folder: Path, languages: tuple[str, str], names: tuple[str, ...]) -> list[Pair]:
    """The pairs of the first two files called so."""
    for suffix in ("", ".gz"):
        for name in names:
            for first in sorted(folder.glob(f"{name}*.{languages[0]}{suffix}")):
                stem = first.name.removesuffix(f".{languages[0]}{suffix}")
                second = folder / f"{stem}.{languages[1]}{suffix}"
                if second.is_file():
                    return _beside(first, second)
    raise UserError(
        f"--data {folder}: there is no pair {names[0]}.{languages[0]}, {names[0]}.{languages[1]} "
        "(or .gz) in it; name the two languages with --languages"
    )


def _beside(first: Path, second: Path) -> list[Pair]:
    """Lines of one number; a pair of which one side is empty is left out."""
    left, right = read_lines(first), read_lines(second)
    if len(left) != len(right):
        raise UserError(
            f"{first} has {len(left)} lines and {second} has {len(right)}: line n of one must "
            "translate line n of the other"
        )
    pairs = [Pair(a, b) for a, b in zip(left, right, strict=True) if a.strip() and b.strip()]
    if not pairs:
        raise UserError(f"{first} has no sentences that {second} translates: give files with some")
    return pairs


def _table(path: Path) -> list[Pair]:
    """The first two columns of a table, each pair once."""
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
        with zipfile.ZipFile(path) as packed:
            for name in packed.namelist():
                place = Path(name)
                if place.suffix in (".txt", ".tsv") and not place.name.startswith(("_", ".")):
                    return decoded_lines(packed.read(name), f"{name} in {path}")
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise UserError(f"{path} is no zip file, or damaged: get it again") from None
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or packed in another way
        raise UserError(f"{path} cannot be unpacked ({error}): unpack it yourself") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check the path") from None
    raise UserError(f"{path}: there is no .txt or .tsv file in it")


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file, packed by gzip where its name ends in .gz."""
    try:
        content = path.read_bytes()
        return decoded_lines(
            gzip.decompress(content) if path.suffix == ".gz" else content, str(path)
        )
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path} is not packed by gzip, or cut off ({error})") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check the path") from None


def decoded_lines(content: bytes, name: str) -> list[str]:
    """Lines end at newlines alone: text may hold the other characters that ``splitlines`` cuts."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is not UTF-8 text (position {error.start}): convert it") from None
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _shared_out(pairs: list[Pair], path: Path) -> Splits:
    parts = hash_split((pair.source for pair in pairs), SHARES)
    found = Splits(*([pairs[row] for row in part] for part in parts))
    if not all(found):
        raise UserError(f"--data {path}: {len(pairs)} pairs are too few to split: give more")
    return found
