"""Character n-grams of words, hashed; a rare word shares them with related words.

Bojanowski et al. (2017), "Enriching word vectors with subword information", arXiv:1607.04606.
"""

from collections.abc import Iterable
from zlib import crc32

import numpy as np
from jaxtyping import Int

NGRAM_SIZES = (3, 4, 5)
MAX_NGRAMS = 24  # per word; a longer word has only its first n-grams


def character_ngrams(word: str) -> list[str]:
    """Return the n-grams of a word, with markers at its beginning and end.

    >>> character_ngrams("ace")
    ['<ac', 'ace', 'ce>', '<ace', 'ace>', '<ace>']
    """
    marked = f"<{word}>"
    return [marked[i : i + n] for n in NGRAM_SIZES for i in range(len(marked) - n + 1)]


def ngram_indices(words: Iterable[str], buckets: int) -> Int[np.ndarray, "N K"]:
    """Return the hashed n-grams of each word, from 1 to ``buckets``, padded with 0."""
    rows = []
    for word in words:
        grams = character_ngrams(word)[:MAX_NGRAMS]
        hashed = [1 + crc32(gram.encode()) % buckets for gram in grams]
        rows.append(hashed + [0] * (MAX_NGRAMS - len(grams)))
    return np.array(rows, np.int32).reshape(-1, MAX_NGRAMS)
