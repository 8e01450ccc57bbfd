"""Translation of sentences by a trained model, in batches of similar length."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.translation.arguments import SearchArguments
from experiments.translation.tokenized_pairs import TokenizerPair
from seqmodels.data.ragged import Padded, pad, ragged
from seqmodels.data.text.vocabulary import END, START, UNKNOWN, Vocabulary
from seqmodels.decode.beam import BeamConfig, Hypotheses, beam_search, repeat_carry
from seqmodels.decode.sample import SampleState, sample, sample_token
from seqmodels.models.seq2seq.attention_decoder import (
    AttentionDecoderCarry,
    AttentionDecoderParams,
)
from seqmodels.models.seq2seq.encoder_decoder import EncodedSource, EncoderDecoder
from seqmodels.types import Array, Float, Int, Params

BATCH_SIZE = 32
LENGTH_MULTIPLE = 8  # source lengths are rounded up to this, so that few shapes are compiled


class Translation(NamedTuple):
    """A translation, its score in the search, and the attention weights of each of its tokens."""

    tokens: list[str]
    score: float
    alignment: np.ndarray | None  # [T, S]; None without attention


Translate = Callable[[Sequence[Sequence[str]]], list[list[Translation]]]


def translator(
    model: EncoderDecoder, params: Params, tokenizers: TokenizerPair, arguments: SearchArguments
) -> Translate:
    """Return a function from tokenized sources to their translations, best first.

    An empty source has an empty translation.
    """
    words, target = (Vocabulary(tokenizer.symbols) for tokenizer in tokenizers)
    run = jax.jit(partial(translate_batch, model, target, arguments), static_argnames="limit")
    key = jax.random.key(arguments.seed)

    def translate(sources: Sequence[Sequence[str]]) -> list[list[Translation]]:
        translations = [[Translation([], 0.0, None)] for _ in sources]
        numbers = ragged([words.encode(source) for source in sources])
        for batch, (rows, length) in enumerate(length_batches(numbers.lengths)):
            batch_key = jax.random.fold_in(key, batch)
            found = run(params, pad(numbers, rows, length), batch_key, limit=2 * length + 10)
            found = jax.device_get(found)
            for place, row in enumerate(rows[rows >= 0]):
                own = jax.tree.map(lambda a, place=place: a[place], found)
                translations[row] = decode_tokens(own, sources[row], target, arguments.copy_unknown)
        return translations

    return translate


def length_batches(
    lengths: Int[np.ndarray, "N"],
) -> Iterator[tuple[Int[np.ndarray, "B"], int]]:
    """Yield the rows of each batch, filled up with -1, and its length; skip empty sequences."""
    order = np.argsort(lengths, kind="stable")
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
    params: Params,
    source: Padded,
    key: jax.Array,
    *,
    limit: int,
) -> BatchTranslation:
    """Translate a batch of sources into at most ``limit`` tokens each, and align them."""
    encoded = model.encode(params, source)
    first = jnp.full(source.mask.shape[1:], target.index[START], jnp.int32)
    hypotheses = search(model, params, encoded, first, arguments, target.index[END], limit, key)
    if model.align is None:
        return BatchTranslation(hypotheses.tokens, hypotheses.scores, None)
    tokens = jnp.moveaxis(hypotheses.tokens, -1, 0)
    beams = encoded._replace(carry=repeat_carry(encoded.carry, tokens.shape[-1]))
    starts = jnp.broadcast_to(first[:, None], tokens.shape[1:])[None]
    weights = model.align(params, beams, jnp.concatenate([starts, tokens[:-1]]))
    return BatchTranslation(hypotheses.tokens, hypotheses.scores, jnp.moveaxis(weights, 0, 2))


def search(
    model: EncoderDecoder,
    params: Params,
    encoded: EncodedSource,
    first: Int[Array, "B"],
    arguments: SearchArguments,
    end: int,
    limit: int,
    key: jax.Array,
) -> Hypotheses:
    """Decode by beam search, greedily, or by sampling, depending on the arguments."""
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


def decode_tokens(
    found: BatchTranslation, source: Sequence[str], target: Vocabulary, copy_unknown: bool
) -> list[Translation]:
    """Convert one row of a batch to tokens up to ``</s>``.

    With ``copy_unknown``, an unknown token becomes the source token with the largest weight.
    """
    translations = []
    for number, numbers in enumerate(found.tokens):
        tokens = target.decode(numbers)
        tokens = tokens[: tokens.index(END)] if END in tokens else tokens
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
