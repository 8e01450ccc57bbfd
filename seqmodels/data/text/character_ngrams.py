"""Words as their character n-grams, so that a rare word is known by its relatives.

Bojanowski et al. (2017), "Enriching word vectors with subword information", arXiv:1607.04606.
"""

from collections.abc import Iterable
from zlib import crc32

import numpy as np
from jaxtyping import Int

SIZES = (3, 4, 5)
MOST = 24  # n-grams of a word; those of longer words are left out


def ngrams(word: str) -> list[str]:
    """The n-grams of a word between marks of its beginning and end.

    >>> ngrams("ace")
    ['<ac', 'ace', 'ce>', '<ace', 'ace>', '<ace>']
    """
    marked = f"<{word}>"
    return [marked[i : i + n] for n in SIZES for i in range(len(marked) - n + 1)]


def ngram_numbers(words: Iterable[str], buckets: int) -> Int[np.ndarray, "N K"]:
    """For each word the numbers of its n-grams, from 1 to ``buckets`` by hash; 0 fills the row."""
    rows = [[1 + crc32(gram.encode()) % buckets for gram in ngrams(word)[:MOST]] for word in words]
    return np.array([row + [0] * (MOST - len(row)) for row in rows], np.int32).reshape(-1, MOST)
