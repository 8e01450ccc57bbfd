"""Pretrained word vectors in the text formats of GloVe and word2vec."""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from seqmodels.errors import UserError


class Vectors(NamedTuple):
    """Vectors of some words: ``values[i]`` is the vector of the word with index ``rows[i]``."""

    values: Float[np.ndarray, "N D"]
    rows: Int[np.ndarray, "N"]


def read_vectors(path: str | Path, index: Mapping[str, int]) -> Vectors:
    """Read the vectors of the words in ``index`` from lines ``word x_1 ... x_D``.

    word2vec's header, a first line of two numbers, is skipped. ``.gz`` files are decompressed.
    """
    path = Path(path).expanduser()
    found: dict[int, np.ndarray] = {}
    size = 0
    for number, line in enumerate(_lines(path), 1):
        word, *numbers = line.rstrip().split(" ")
        if number == 1 and len(numbers) == 1:
            continue
        size = size or len(numbers)
        row = index.get(word)
        if row is not None and row not in found:
            found[row] = _vector(path, number, numbers, size)
    if not found:
        raise UserError(f"--vectors {path} contains none of the data's words (wrong language?)")
    return Vectors(np.stack(list(found.values())), np.array(list(found), np.int32))


def write_vectors(
    path: str | Path, words: Sequence[str], vectors: Float[np.ndarray, "V D"]
) -> None:
    """Write vectors in word2vec's text format, which gensim and ``read_vectors`` read."""
    lines = [f"{len(words)} {vectors.shape[1]}"]
    lines += [f"{word} {' '.join(map(str, v))}" for word, v in zip(words, vectors, strict=True)]
    try:
        Path(path).expanduser().write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; check the path") from None


def vector_size(path: str | Path) -> int:
    """Return the number of features of the vectors in a file."""
    lines = _lines(Path(path).expanduser())
    sizes = [len(line.split(" ")) - 1 for _, line in zip(range(2), lines, strict=False)]
    return sizes[-1]


def _lines(path: Path) -> Iterator[str]:
    if not path.is_file():
        raise UserError(f"--vectors {path}: there is no such file")
    read = gzip.open if path.suffix == ".gz" else open
    with read(path, "rt", encoding="utf-8", newline="\n") as file:
        yield from file


def _vector(path: Path, number: int, numbers: list[str], size: int) -> np.ndarray:
    try:
        vector = np.array(numbers, np.float32)
    except ValueError:
        vector = np.empty(0, np.float32)
    if len(vector) != size:
        raise UserError(f"--vectors {path}, line {number}: expected a word and {size} numbers")
    return vector
