"""Tokenized sentence pairs, batched by length."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from experiments.translation.parallel_corpus import Pair
from seqmodels.data.batching import Batches, example_batches, length_bounds
from seqmodels.data.ragged import Ragged, ragged
from seqmodels.data.splits import Splits
from seqmodels.data.text.tokenizers import Tokenizer, load_tokenizer, train_tokenizer
from seqmodels.data.text.vocabulary import END, START, Vocabulary
from seqmodels.errors import UserError

PairFields = dict[str, Ragged]


class TokenizerPair(NamedTuple):
    """The tokenizers of the source and of the target language."""

    source: Tokenizer
    target: Tokenizer

    @property
    def sizes(self) -> tuple[int, int]:
        """Vocabulary sizes."""
        return len(self.source.symbols), len(self.target.symbols)


def train_tokenizers(pairs: Sequence[Pair], kind: str, min_count: int, size: int) -> dict[str, Any]:
    """Train both tokenizers and return them in a form that JSON can hold."""
    languages = zip(*pairs, strict=True)
    saved = (train_tokenizer(kind, texts, min_count, size) for texts in languages)
    return dict(zip(TokenizerPair._fields, saved, strict=True))


def load_tokenizers(saved: dict[str, Any]) -> TokenizerPair:
    """Return the tokenizers that ``train_tokenizers`` saved."""
    return TokenizerPair(*(load_tokenizer(saved[side]) for side in TokenizerPair._fields))


def pair_fields(splits: Splits, tokenizers: TokenizerPair, max_length: int) -> Splits:
    """Return the token numbers of each split: ``source``, and ``target`` with ``<s>`` and ``</s>``.

    Pairs with more than ``max_length`` tokens on either side are left out.
    """
    sources, targets = (Vocabulary(tokenizer.symbols) for tokenizer in tokenizers)

    def fields(pairs: Sequence[Pair]) -> PairFields:
        split = ((tokenizers.source.split(a), tokenizers.target.split(b)) for a, b in pairs)
        short = [(a, b) for a, b in split if max(len(a), len(b)) <= max_length]
        if not short:
            raise UserError(
                f"--max-length {max_length}: every pair of one of the splits is longer; raise it"
            )
        return {
            "source": ragged([sources.encode(a) for a, _ in short]),
            "target": ragged([targets.encode([START, *b, END]) for _, b in short]),
        }

    return Splits(*(fields(pairs) for pairs in splits))


def short_pairs(pairs: Sequence[Pair], tokenizers: TokenizerPair, max_length: int) -> list[Pair]:
    """Return the pairs of at most ``max_length`` tokens on either side."""

    def longest(pair: Pair) -> int:
        source, target = tokenizers.source.split(pair.source), tokenizers.target.split(pair.target)
        return max(len(source), len(target))

    return [pair for pair in pairs if longest(pair) <= max_length]


def pair_batches(
    fields: PairFields, batch_size: int, buckets: int, tokens: int = 0, **order: Any
) -> Batches:
    """Return batches padded to ``buckets`` lengths, of at most ``tokens`` time steps if not 0.

    order: seed and dispatch size of ``example_batches``
    """
    longest = np.maximum(fields["source"].lengths, fields["target"].lengths)
    bounds = length_bounds(longest, buckets)
    return example_batches(fields, batch_size, bounds=bounds, tokens=tokens or None, **order)


def predicted_tokens(fields: PairFields) -> Int[np.ndarray, "N"]:
    """Return all tokens that a model predicts, concatenated: the targets without ``<s>``."""
    starts = fields["target"].offsets[:-1]
    return np.delete(fields["target"].values, starts)
