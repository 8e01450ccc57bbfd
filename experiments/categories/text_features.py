"""Hashed bag of text features."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from zlib import crc32

import numpy as np

from seqmodels.data.ragged import Ragged, ragged

BEGINNING = "<s>"


def text_features(symbols: Sequence[str]) -> set[str]:
    """Return the features of a text.

    They are its words in lower case (w) and in their original case (W), their prefixes and
    suffixes, pairs of neighbours, pairs of the first word and any other, and the first four words
    with their positions.

    >>> sorted(text_features(["Who", "wrote"]))
    ['*ote', '*who', '0 who', '1 wrote', '<s> who', 'W Who', 'W wrote', 'w who', 'w wrote', \
'who ... wrote', 'who wrote', 'who*', 'wrot*']
    """
    lower = [symbol.lower() for symbol in symbols]
    features = {f"w {word}" for word in lower} | {f"W {word}" for word in symbols}
    features |= {f"{word[:4]}*" for word in lower} | {f"*{word[-3:]}" for word in lower}
    features |= {f"{first} {second}" for first, second in pairwise([BEGINNING, *lower])}
    features |= {f"{lower[0]} ... {word}" for word in lower[1:]}
    return features | {f"{place} {word}" for place, word in enumerate(lower[:4])}


def hashed_features(texts: Iterable[Sequence[str]], buckets: int) -> Ragged:
    """Return the hashes of each text's features, without duplicates, below ``buckets``."""
    hashed = [[crc32(name.encode()) % buckets for name in text_features(text)] for text in texts]
    return ragged([np.unique(np.array(row, np.int32)) for row in hashed])
