"""Labelled texts as numbers, ready to be batched."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from seqmodels.data.batching import Batches, example_batches, length_bounds
from seqmodels.data.labelled import Example
from seqmodels.data.ragged import ragged
from seqmodels.data.vocabulary import UNKNOWN, Vocabulary, build_vocabulary
from seqmodels.data.words import words
from seqmodels.errors import UserError

Symbols = Callable[[str], Sequence[str]]


def text_vocabulary(
    examples: Iterable[Example], min_count: int, symbols: Symbols = words
) -> Vocabulary:
    """What the texts are made of, and ``<unk>`` for what comes fewer than ``min_count`` times."""
    found = (symbol for example in examples for symbol in symbols(example.text))
    return build_vocabulary(found, specials=(UNKNOWN,), min_count=min_count)


def text_fields(
    examples: Sequence[Example],
    vocabulary: Vocabulary,
    classes: Sequence[str],
    limit: int,
    symbols: Symbols = words,
) -> dict[str, Any]:
    """``x``, the first ``limit`` symbols of each text, and ``label``, the number of its class."""
    texts = [symbols(example.text)[:limit] or [UNKNOWN] for example in examples]
    if new := sorted({example.label for example in examples} - set(classes)):
        raise UserError(
            f"--data has the class {new[0]!r}, which the training texts do not have, only "
            f"{', '.join(classes[:10])}"
        )
    numbers = {name: number for number, name in enumerate(classes)}
    return {
        "x": ragged([vocabulary.encode(text) for text in texts]),
        "label": np.array([numbers[example.label] for example in examples], np.int32),
    }


def text_batches(fields: dict[str, Any], batch_size: int, **order: Any) -> Batches:
    """``example_batches`` of a few shapes only, for each has to be compiled."""
    return example_batches(
        fields, batch_size, bounds=length_bounds(fields["x"].lengths, 3), **order
    )
