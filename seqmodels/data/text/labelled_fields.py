"""Labelled texts as numbers, ready to be batched."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from experiments.categories.attributes import attribute_features, attribute_scheme
from seqmodels.data.classes import class_numbers
from seqmodels.data.ragged import ragged
from seqmodels.data.text.character_ngrams import ngram_numbers
from seqmodels.data.text.labelled import Example
from seqmodels.data.text.vocabulary import UNKNOWN, Vocabulary, build_vocabulary
from seqmodels.data.text.words import words, written

SYMBOLS: dict[str, Callable[[str], Sequence[str]]] = {"words": words, "characters": list}
WRITTEN: dict[str, Callable[[str], Sequence[str]]] = {"words": written, "characters": list}


def text_extras(train: Sequence[Example], symbols: str, min_count: int) -> dict[str, Any]:
    """What a model must know of the training texts, in a form that JSON can hold.

    The vocabulary, with ``<unk>`` for what comes fewer than ``min_count`` times; the names of the
    classes; how attributes become features.
    """
    return {
        "vocabulary": text_vocabulary(train, symbols, min_count).to_dict(),
        "classes": sorted({example.label for example in train}),
        "attributes": attribute_scheme([example.attributes for example in train]),
    }


def text_vocabulary(examples: Iterable[Example], symbols: str, min_count: int) -> Vocabulary:
    """What the texts are made of."""
    found = (symbol for example in examples for symbol in SYMBOLS[symbols](example.text))
    return build_vocabulary(found, specials=(UNKNOWN,), min_count=min_count)


def text_fields(
    examples: Sequence[Example], extras: dict[str, Any], symbols: str, limit: int, ngrams: int = 0
) -> dict[str, Any]:
    """``x``, the first ``limit`` symbols of each text; ``label``, the number of its class; and
    ``static``, its attributes, where there are any.

    A symbol is its number; with ``ngrams`` buckets, its number and those of the n-grams of the
    word as it is written: capitals tell names.
    """
    vocabulary = Vocabulary.from_dict(extras["vocabulary"])

    def encode(text: str) -> np.ndarray:
        numbers = vocabulary.encode(SYMBOLS[symbols](text)[:limit] or [UNKNOWN])
        if not ngrams:
            return numbers
        grams = ngram_numbers(WRITTEN[symbols](text)[:limit] or [UNKNOWN], ngrams)
        return np.concatenate([numbers[:, None], grams], axis=1)

    fields = {
        "x": ragged([encode(example.text) for example in examples]),
        "label": class_numbers([e.label for e in examples], extras["classes"]),
    }
    if extras["attributes"]:
        rows = [example.attributes for example in examples]
        fields["static"] = attribute_features(rows, extras["attributes"])
    return fields
