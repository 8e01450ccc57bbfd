"""The embedding of a ``TextConfig``: symbols, pretrained vectors, character n-grams."""

from functools import partial
from typing import Any

from seqmodels.data.text.config import TextConfig
from seqmodels.data.text.vectors import read_vectors, vector_size
from seqmodels.data.text.vocabulary import Vocabulary
from seqmodels.errors import UserError
from seqmodels.layers.embedding import ngram_embedding, word_embedding
from seqmodels.types import Layer


def text_embedding(config: TextConfig, metadata: dict[str, Any]) -> Layer:
    """Return the embedding of the symbols and, if the config asks for it, of their n-grams."""
    vocabulary, path = Vocabulary.from_dict(metadata["vocabulary"]), config.vectors
    load = partial(read_vectors, path, vocabulary.index) if path else None
    symbols = word_embedding(len(vocabulary), config.embedding, load=load)
    if not config.ngrams:
        return symbols
    return ngram_embedding(symbols, word_embedding(config.ngrams + 1, config.embedding))


def check_vectors(config: TextConfig) -> None:
    """Raise ``UserError`` if the pretrained vectors have another size than the embedding."""
    path = config.vectors
    if path and (size := vector_size(path)) != config.embedding:
        raise UserError(f"--vectors {path} has {size} features; give --embedding {size}")
