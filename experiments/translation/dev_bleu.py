"""BLEU of greedy translations, at every evaluation of a training run."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from experiments.translation.arguments import SearchArguments
from experiments.translation.scores import bleu_of_words
from experiments.translation.tokenized_pairs import TokenizerPair, short_pairs
from experiments.translation.translator import search, token_limit, tokens_until_end
from seqmodels.data.batching import Batch
from seqmodels.data.ragged import Padded
from seqmodels.data.splits import Splits
from seqmodels.data.text.vocabulary import END, START, Vocabulary
from seqmodels.models.seq2seq.encoder_decoder import EncoderDecoder
from seqmodels.types import Array, Int, Outputs, Params, Task


def with_dev_bleu(
    task: Task, build: Callable[[dict[str, Any]], EncoderDecoder], tokenizers: TokenizerPair
) -> Task:
    """Return the task with a further metric, the BLEU of greedy translations in percent.

    Batches of an evaluation have the field ``reference``, see ``encode_texts``.
    """
    target = Vocabulary(tokenizers.target.symbols)

    def measure(params: Params, rates: dict, memory: Any, batch: Batch):
        memory, metrics = task.measure(params, rates, memory, batch)
        source = batch.fields["source"]
        assert isinstance(source, Padded)
        tokens = greedy_translations(build({}), params, source, target)
        found = Outputs((tokens, jnp.asarray(batch.fields["reference"])), jnp.asarray(batch.rows))
        return memory, metrics | {"translations": found}

    def score(outputs: dict[str, list[Any]]) -> dict[str, float]:
        numbers, references = zip(*outputs["translations"], strict=True)
        texts = [tokenizers.target.join(tokens_until_end(row, target)) for row in numbers]
        return {"bleu": bleu_of_words(texts, [decode_text(row) for row in references])}

    return task._replace(measure=measure, score=score)


def greedy_translations(
    model: EncoderDecoder, params: Params, source: Padded, target: Vocabulary
) -> Int[Array, "B T"]:
    """Return the most likely token at each step, padded with ``</s>``."""
    encoded = model.encode(params, source)
    first = jnp.full(source.mask.shape[1:], target.index[START], jnp.int32)
    end, limit = target.index[END], token_limit(source)
    found = search(model, params, encoded, first, SearchArguments(beam=1), end, limit)
    return found.tokens[:, 0]


def add_references(
    fields: Splits, splits: Splits, tokenizers: TokenizerPair, max_length: int
) -> Splits:
    """Add the field ``reference``, the targets as texts, to dev and test."""

    def texts(name: str) -> dict[str, Any]:
        pairs = short_pairs(getattr(splits, name), tokenizers, max_length)
        return {"reference": encode_texts([pair.target for pair in pairs])}

    return fields._replace(
        **{name: getattr(fields, name) | texts(name) for name in ("dev", "test")}
    )


def encode_texts(texts: Sequence[str]) -> UInt8[np.ndarray, "N L"]:
    """Return the texts in UTF-8, padded with zeros, so that batches can hold them."""
    encoded = [text.encode() for text in texts]
    width = max(1, *map(len, encoded))
    rows = [np.frombuffer(text.ljust(width, b"\0"), np.uint8) for text in encoded]
    return np.stack(rows)


def decode_text(row: UInt8[np.ndarray, "L"]) -> str:
    """Return a text that ``encode_texts`` encoded."""
    return bytes(row).rstrip(b"\0").decode()
