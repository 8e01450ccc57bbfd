"""Sentences through a trained encoder and decoder: batched by length, handed back in order."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.translation.pairs import Sides
from seqmodels.commands.text_arguments import SearchArguments
from seqmodels.data.ragged import Padded, pad, ragged
from seqmodels.data.text.vocabulary import END, START, UNKNOWN, Vocabulary
from seqmodels.decode.beam import BeamConfig, Hypotheses, beam_search, copies
from seqmodels.decode.greedy import greedy
from seqmodels.decode.sample import Decoding, sample
from seqmodels.models.seq2seq.attention_decoder import Bound, State
from seqmodels.models.seq2seq.encoder_decoder import Encoded, EncoderDecoder
from seqmodels.types import Array, Float, Int, Params

ROWS = 32  # sentences at once
ROUND = 8  # source lengths are rounded up to multiples of this, so that few shapes are compiled


class Translation(NamedTuple):
    """One target, its score by the search, and where each unit looked, if there is attention."""

    symbols: list[str]
    score: float
    alignment: np.ndarray | None  # [T, S]


Translate = Callable[[Sequence[Sequence[str]]], list[list[Translation]]]


def translator(
    model: EncoderDecoder, params: Params, sides: Sides, arguments: SearchArguments
) -> Translate:
    """``sources -> translations``: of each source those found, best first; of an empty one one."""
    words, target = (Vocabulary(units.symbols) for units in sides)
    run = jax.jit(partial(search, model, target, arguments), static_argnames="limit")
    key = jax.random.key(arguments.seed)

    def translate(sources: Sequence[Sequence[str]]) -> list[list[Translation]]:
        found = [[Translation([], 0.0, None)] for _ in sources]
        numbers = ragged([words.encode(source) for source in sources])
        for batch, (rows, length) in enumerate(by_length(numbers.lengths)):
            now = jax.random.fold_in(key, batch)
            answers = run(params, pad(numbers, rows, length), now, limit=2 * length + 10)
            answers = jax.device_get(answers)
            for place, row in enumerate(rows[rows >= 0]):
                mine = jax.tree.map(lambda a, place=place: a[place], answers)
                found[row] = readable(mine, sources[row], target, arguments.copy_unknown)
        return found

    return translate


def readable(
    found: "Found", source: Sequence[str], target: Vocabulary, copy_unknown: bool
) -> list[Translation]:
    """Symbols up to the end; an unknown one is replaced by the source's that it looked at most."""
    translations = []
    for number, tokens in enumerate(found.tokens):
        symbols = target.decode(tokens)
        symbols = symbols[: symbols.index(END)] if END in symbols else symbols
        weights: np.ndarray | None = None
        if found.weights is not None:
            weights = np.asarray(found.weights[number, : len(symbols), : len(source)])
        if copy_unknown and weights is not None:
            places = weights.argmax(axis=-1)
            symbols = [
                source[place] if symbol == UNKNOWN else symbol
                for symbol, place in zip(symbols, places, strict=True)
            ]
        translations.append(Translation(symbols, float(found.scores[number]), weights))
    return translations


def by_length(lengths: Int[np.ndarray, "N"]) -> Iterator[tuple[Int[np.ndarray, "B"], int]]:
    """Rows of a batch, -1 where there are no more, and its length; without empty sequences."""
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    for first in range(0, len(order), ROWS):
        rows = order[first : first + ROWS]
        length = -(-int(lengths[rows].max()) // ROUND) * ROUND
        yield np.pad(rows, (0, ROWS - len(rows)), constant_values=-1), length


class Found(NamedTuple):
    """What a search found for a batch."""

    tokens: Int[Array, "B K T"]
    scores: Array  # [B, K]
    weights: Array | None  # [B, K, T, S]


def search(
    model: EncoderDecoder,
    target: Vocabulary,
    arguments: SearchArguments,
    params: Params,
    source: Padded,
    key: jax.Array,
    *,
    limit: int,
) -> Found:
    """Decode a batch of sources by beam search, greedily, or by sampling."""
    encoded = model.encode(params, source)
    first = jnp.full(source.mask.shape[1:], target.index[START], jnp.int32)
    hypotheses = decode(model, params, encoded, first, arguments, target.index[END], limit, key)
    if model.align is None:
        return Found(hypotheses.tokens, hypotheses.scores, None)
    tokens = jnp.moveaxis(hypotheses.tokens, -1, 0)
    spread = encoded._replace(carry=copies(encoded.carry, tokens.shape[-1]))
    starts = jnp.broadcast_to(first[:, None], tokens.shape[1:])[None]
    weights = model.align(params, spread, jnp.concatenate([starts, tokens[:-1]]))
    return Found(hypotheses.tokens, hypotheses.scores, jnp.moveaxis(weights, 0, 2))


def decode(
    model: EncoderDecoder,
    params: Params,
    encoded: Encoded,
    first: Int[Array, "B"],
    arguments: SearchArguments,
    end: int,
    limit: int,
    key: jax.Array,
) -> Hypotheses:
    """The tokens by whatever way the arguments ask for."""
    step = partial(model.step, params, encoded.decoder)
    if arguments.temperature:
        state = Decoding(*step(encoded.carry, first), key)
        _, tokens = sample(step, state, limit, temperature=arguments.temperature)
        return alone(tokens)
    if arguments.beam == 1 and not arguments.block:
        return alone(greedy(step, encoded.carry, first, end=end, limit=limit))
    config = BeamConfig(
        arguments.beam, arguments.length_penalty, arguments.coverage_penalty, arguments.block
    )
    covered = partial(attended, encoded.decoder) if arguments.coverage_penalty else None
    return beam_search(step, encoded.carry, first, config, end=end, limit=limit, covered=covered)


def attended(decoder: Bound, carry: State) -> Float[Array, "B K S"]:
    """How much each position was attended to so far; 1 where there is none."""
    absent = (~decoder.source.mask[:, None]).astype(carry.covered.dtype)
    return carry.covered + jnp.broadcast_to(absent, carry.covered.shape)


def alone(tokens: Int[Array, "T B"]) -> Hypotheses:
    """One hypothesis of each sequence, without a score."""
    zeros = jnp.zeros((tokens.shape[1], 1))
    return Hypotheses(tokens.T[:, None], zeros, zeros)
