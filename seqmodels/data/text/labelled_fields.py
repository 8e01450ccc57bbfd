"""Labelled texts as numeric fields, ready to be batched."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from seqmodels.data.class_labels import class_indices
from seqmodels.data.ragged import Ragged, ragged
from seqmodels.data.text.character_ngrams import ngram_indices
from seqmodels.data.text.config import TextConfig
from seqmodels.data.text.labelled import Example
from seqmodels.data.text.vocabulary import UNKNOWN, Vocabulary, build_vocabulary
from seqmodels.data.text.words import split_cased_words, split_words

SPLITTERS: dict[str, Callable[[str], Sequence[str]]] = {"words": split_words, "characters": list}
CASED_SPLITTERS: dict[str, Callable[[str], Sequence[str]]] = {
    "words": split_cased_words,
    "characters": list,
}


def text_metadata(train: Sequence[Example], config: TextConfig) -> dict[str, Any]:
    """Return vocabulary and class names of the training texts, as JSON."""
    return {
        "vocabulary": text_vocabulary(train, config).to_dict(),
        "classes": sorted({example.label for example in train}),
    }


def text_vocabulary(examples: Iterable[Example], config: TextConfig) -> Vocabulary:
    """Return the vocabulary of the texts; rare symbols are ``<unk>``."""
    split = SPLITTERS[config.symbols]
    symbols = (symbol for example in examples for symbol in split(example.text))
    return build_vocabulary(symbols, specials=(UNKNOWN,), min_count=config.min_count)


def text_fields(
    examples: Sequence[Example], metadata: dict[str, Any], config: TextConfig
) -> dict[str, Any]:
    """Return the fields ``x``, the symbols of each text, and ``label``, the index of its class.

    A symbol is its index in the vocabulary. With ``config.ngrams``, it is a row of that index and
    the indices of the character n-grams of the word in its original case.
    """
    vocabulary = Vocabulary.from_dict(metadata["vocabulary"])
    limit = config.max_symbols

    def encode(text: str) -> np.ndarray:
        indices = vocabulary.encode(SPLITTERS[config.symbols](text)[:limit] or [UNKNOWN])
        if not config.ngrams:
            return indices
        cased = CASED_SPLITTERS[config.symbols](text)[:limit] or [UNKNOWN]
        return np.concatenate([indices[:, None], ngram_indices(cased, config.ngrams)], axis=1)

    return {
        "x": ragged([encode(example.text) for example in examples]),
        "label": class_indices([e.label for e in examples], metadata["classes"]),
    }


def without_ngrams(x: Ragged) -> Ragged:
    """Return the symbols of texts without their n-grams."""
    return x if x.values.ndim == 1 else Ragged(x.values[:, 0], x.offsets)
