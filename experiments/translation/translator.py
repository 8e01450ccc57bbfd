"""Translation of sentences by a trained model, in batches of similar length."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.translation.arguments import SearchArguments
from experiments.translation.tokenized_pairs import TokenizerPair
from seqmodels.data.batching import Batch, Batches
from seqmodels.data.ragged import Padded, Ragged, pad, ragged
from seqmodels.data.text.vocabulary import END, START, UNKNOWN, Vocabulary
from seqmodels.decode.beam import BeamConfig, Hypotheses, beam_search, repeat_carry
from seqmodels.decode.sample import SampleState, sample, sample_token
from seqmodels.models.seq2seq.attention_decoder import (
    AttentionDecoderCarry,
    AttentionDecoderParams,
)
from seqmodels.models.seq2seq.encoder_decoder import EncodedSource, EncoderDecoder
from seqmodels.models.seq2seq.task import translation_task
from seqmodels.train.evaluator import Evaluator
from seqmodels.types import Array, Float, Int, Outputs, Params, Task

BATCH_SIZE = 32
LENGTH_MULTIPLE = 8  # source lengths are rounded up to this, so that few shapes are compiled


class Translation(NamedTuple):
    """A translation, its score in the search, and the attention weights of each of its tokens."""

    tokens: list[str]
    score: float
    alignment: np.ndarray | None  # [T, S]; None without attention


Translate = Callable[[Sequence[Sequence[str]]], list[list[Translation]]]


def translator(
    model: EncoderDecoder,
    params: Params,
    tokenizers: TokenizerPair,
    arguments: SearchArguments,
    best: int = 1,
) -> Translate:
    """Return a function from tokenized sources to their ``best`` translations, best first.

    An empty source has an empty translation.
    """
    words, target = (Vocabulary(tokenizer.symbols) for tokenizer in tokenizers)
    evaluator = Evaluator(search_task(model, target, arguments, best), dispatch=1)

    def translate(sources: Sequence[Sequence[str]]) -> list[list[Translation]]:
        translations = [[Translation([], 0.0, None)] for _ in sources]
        numbers = ragged([words.encode(source) for source in sources])
        outputs = evaluator.measure(params, {}, source_batches(numbers)).outputs()
        rows = np.flatnonzero(numbers.lengths).tolist()
        for row, found in zip(rows, outputs.get("translations", []), strict=True):
            translations[row] = decode_tokens(found, sources[row], target, arguments.copy_unknown)
        return translations

    return translate


def search_task(
    model: EncoderDecoder, target: Vocabulary, arguments: SearchArguments, best: int
) -> Task:
    """Return the task whose outputs are the ``best`` translations of each source.

    The memory counts the batches, so that each batch is sampled with its own key.
    """

    def measure(params: Params, rates: dict, memory: Int[Array, ""], batch: Batch):
        source = batch.fields["source"]
        assert isinstance(source, Padded)
        key = jax.random.fold_in(jax.random.key(arguments.seed), memory)
        found = translate_batch(model, target, arguments, best, params, source, key)
        return memory + 1, {"translations": Outputs(found, jnp.asarray(batch.rows))}

    task = translation_task(lambda rates: model)
    return task._replace(measure=measure, memory=lambda params, batch: jnp.int32(0))


def source_batches(sources: Ragged) -> Batches:
    """Return batches of sources of similar length, without those that are empty."""
    plan = list(length_batches(sources.lengths))

    def at(step: int, part: slice) -> Batch:
        rows, length = plan[step]
        rows = rows[part]
        fields: dict[str, np.ndarray | Padded] = {"source": pad(sources, rows, length)}
        return Batch(fields, rows, (rows >= 0).astype(np.float32))

    return Batches(at, len(plan), lambda step: BATCH_SIZE, Batch._make(({"source": 1}, 0, 0)))


def length_batches(
    lengths: Int[np.ndarray, "N"],
) -> Iterator[tuple[Int[np.ndarray, "B"], int]]:
    """Yield the rows of each batch, filled up with -1, and its length; skip empty sequences."""
    order = np.argsort(lengths, kind="stable").astype(np.int32)
    order = order[lengths[order] > 0]
    for first in range(0, len(order), BATCH_SIZE):
        rows = order[first : first + BATCH_SIZE]
        length = -(-int(lengths[rows].max()) // LENGTH_MULTIPLE) * LENGTH_MULTIPLE
        yield np.pad(rows, (0, BATCH_SIZE - len(rows)), constant_values=-1), length


class BatchTranslation(NamedTuple):
    """Tokens, scores and attention weights of the K translations of each source of a batch."""

    tokens: Int[Array, "B K T"]
    scores: Array  # [B, K]
    weights: Array | None  # [B, K, T, S]; None without attention


def translate_batch(
    model: EncoderDecoder,
    target: Vocabulary,
    arguments: SearchArguments,
    best: int,
    params: Params,
    source: Padded,
    key: jax.Array,
) -> BatchTranslation:
    """Return the ``best`` translations of each source of a batch, and align them."""
    limit = token_limit(source)
    encoded = model.encode(params, source)
    first = jnp.full(source.mask.shape[1:], target.index[START], jnp.int32)
    hypotheses = search(model, params, encoded, first, arguments, target.index[END], limit, key)
    found, scores = hypotheses.tokens[:, :best], hypotheses.scores[:, :best]
    if model.align is None:
        return BatchTranslation(found, scores, None)
    tokens = jnp.moveaxis(found, -1, 0)
    beams = encoded._replace(carry=repeat_carry(encoded.carry, tokens.shape[-1]))
    starts = jnp.broadcast_to(first[:, None], tokens.shape[1:])[None]
    weights = model.align(params, beams, jnp.concatenate([starts, tokens[:-1]]))
    return BatchTranslation(found, scores, jnp.moveaxis(weights, 0, 2))


def token_limit(source: Padded) -> int:
    """Return how many tokens a translation of these sources may have."""
    return 2 * source.mask.shape[0] + 10


def search(
    model: EncoderDecoder,
    params: Params,
    encoded: EncodedSource,
    first: Int[Array, "B"],
    arguments: SearchArguments,
    end: int,
    limit: int,
    key: jax.Array | None = None,
) -> Hypotheses:
    """Decode by beam search, greedily, or by sampling (with a key), depending on the arguments."""
    step = partial(model.step, params, encoded.decoder)
    if arguments.temperature or (arguments.beam == 1 and not arguments.block):
        state = SampleState(*step(encoded.carry, first), key if arguments.temperature else None)
        draw = partial(sample_token, temperature=arguments.temperature)
        _, tokens = sample(step, state, limit, draw=draw, stop=lambda token: token == end)
        return single_hypotheses(tokens)
    config = BeamConfig(
        width=arguments.beam,
        length_penalty=arguments.length_penalty,
        coverage_penalty=arguments.coverage_penalty,
        no_repeat_ngram=arguments.block,
    )
    coverage = partial(source_coverage, encoded.decoder) if arguments.coverage_penalty else None
    return beam_search(step, encoded.carry, first, config, end=end, limit=limit, covered=coverage)


def source_coverage(
    decoder: AttentionDecoderParams, carry: AttentionDecoderCarry
) -> Float[Array, "B K S"]:
    """Return the sum of the attention weights of each source token; 1 for padding."""
    padding = (~decoder.source.mask[:, None]).astype(carry.coverage.dtype)
    return carry.coverage + jnp.broadcast_to(padding, carry.coverage.shape)


def single_hypotheses(tokens: Int[Array, "T B"]) -> Hypotheses:
    """Return one hypothesis per sequence, with a score of zero."""
    zeros = jnp.zeros((tokens.shape[1], 1))
    return Hypotheses(tokens.T[:, None], zeros, zeros)


def tokens_until_end(numbers: Int[np.ndarray, "T"], target: Vocabulary) -> list[str]:
    """Return the tokens before ``</s>``."""
    tokens = target.decode(numbers)
    return tokens[: tokens.index(END)] if END in tokens else tokens


def decode_tokens(
    found: BatchTranslation, source: Sequence[str], target: Vocabulary, copy_unknown: bool
) -> list[Translation]:
    """Convert the translations of one source to tokens.

    With ``copy_unknown``, an unknown token becomes the source token with the largest weight.
    """
    translations = []
    for number, numbers in enumerate(found.tokens):
        tokens = tokens_until_end(numbers, target)
        weights: np.ndarray | None = None
        if found.weights is not None:
            weights = np.asarray(found.weights[number, : len(tokens), : len(source)])
        if copy_unknown and weights is not None:
            places = weights.argmax(axis=-1)
            tokens = [
                source[place] if token == UNKNOWN else token
                for token, place in zip(tokens, places, strict=True)
            ]
        translations.append(Translation(tokens, float(found.scores[number]), weights))
    return translations
