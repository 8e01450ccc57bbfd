"""What a text holds that may tell its class, wherever it stands."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from zlib import crc32

import numpy as np

from seqmodels.data.ragged import Ragged, ragged

START = "<s>"


def clues(symbols: Sequence[str]) -> set[str]:
    """Words in lower case (w) and as they are written (W), how they begin and end, and pairs:
    of neighbours, of the first word with every other, of the first four with their places.

    >>> sorted(clues(["Who", "wrote"]))
    ['*ote', '*who', '0 who', '1 wrote', '<s> who', 'W Who', 'W wrote', 'w who', 'w wrote', \
'who ... wrote', 'who wrote', 'who*', 'wrot*']
    """
    lower = [symbol.lower() for symbol in symbols]
    found = {f"w {word}" for word in lower} | {f"W {word}" for word in symbols}
    found |= {f"{word[:4]}*" for word in lower} | {f"*{word[-3:]}" for word in lower}
    found |= {f"{first} {second}" for first, second in pairwise([START, *lower])}
    found |= {f"{lower[0]} ... {word}" for word in lower[1:]}
    return found | {f"{place} {word}" for place, word in enumerate(lower[:4])}


def bags(texts: Iterable[Sequence[str]], buckets: int) -> Ragged:
    """For each text the numbers of its clues, each once, below ``buckets`` by hash."""
    numbers = [[crc32(clue.encode()) % buckets for clue in clues(text)] for text in texts]
    return ragged([np.unique(np.array(row, np.int32)) for row in numbers])
