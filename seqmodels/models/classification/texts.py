"""Classifiers of labelled texts, from their config: data, embedding, one example."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from seqmodels.data.batching import Batch, example_batches
from seqmodels.data.ragged import Ragged
from seqmodels.data.splits import Splits
from seqmodels.data.text.labelled import Example
from seqmodels.data.text.labelled_fields import text_extras, text_fields
from seqmodels.data.text.vectors import read_vectors, vector_size
from seqmodels.data.text.vocabulary import Vocabulary
from seqmodels.errors import UserError
from seqmodels.layers.embedding import with_ngrams, word_embedding
from seqmodels.models.classification.bags import logistic_accuracy
from seqmodels.models.classification.config import TextConfig
from seqmodels.train.examples import example_data
from seqmodels.train.experiment import Baseline, Data
from seqmodels.types import Layer

Extras = dict[str, Any]
More = Callable[[Sequence[Example]], dict[str, Any]]


def text_data(
    config: TextConfig,
    extras: Extras | None,
    parts: Splits,
    name: str,
    more: More = lambda part: {},
) -> Data:
    """The texts as numbers; what is known of them comes from the first run's training part.

    ``more(part)`` gives further fields.
    """
    if extras is None:
        extras = text_extras(parts.train, config.symbols, config.min_count)
    fields = Splits(*(fields_of(config, extras, part) | more(part) for part in parts))
    train, dev = fields.train, fields.dev
    bag = logistic_accuracy(
        symbol_numbers(train["x"]), train["label"], symbol_numbers(dev["x"]), dev["label"]
    )
    return example_data(
        fields,
        config,
        name=config.data or name,
        unit="texts",
        baseline=Baseline(bag, f"logistic regression on the {config.symbols} of dev"),
        extras=extras,
    )


def fields_of(config: TextConfig, extras: Extras, examples: Sequence[Example]) -> dict[str, Any]:
    """The fields of some texts."""
    return text_fields(examples, extras, config.symbols, config.max_symbols, config.ngrams)


def symbol_numbers(x: Ragged) -> Ragged:
    """The symbols of texts without their n-grams."""
    return x if x.values.ndim == 1 else Ragged(x.values[:, 0], x.offsets)


def one_text(
    config: TextConfig,
    extras: Extras,
    text: str,
    attributes: tuple[str, ...] = (),
    more: More = lambda part: {},
) -> Batch:
    """A batch of one text without a label; ``more`` is that of ``text_data``."""
    part = [Example(text, extras["classes"][0], attributes)]
    return example_batches(fields_of(config, extras, part) | more(part), 1)(0)


def text_embedding(config: TextConfig, extras: Extras) -> Layer:
    """Vectors of the symbols, from ``config.vectors`` where it names a file, and of n-grams."""
    vocabulary, path = Vocabulary.from_dict(extras["vocabulary"]), config.vectors
    load = partial(read_vectors, path, vocabulary.index) if path else None
    symbols = word_embedding(len(vocabulary), config.embedding, load=load)
    if not config.ngrams:
        return symbols
    return with_ngrams(symbols, word_embedding(config.ngrams + 1, config.embedding))


def check_vectors(config: TextConfig) -> None:
    """One line for vectors that do not fit."""
    path = config.vectors
    if path and (size := vector_size(path)) != config.embedding:
        raise UserError(f"--vectors {path} has {size} features: give --embedding {size}")
