"""Scorers: log weights that a search adds to each symbol of its hypotheses, and their sums."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.decode.automata import IMPOSSIBLE, Automaton
from seqmodels.decode.sample import Step
from seqmodels.engines.problem import where
from seqmodels.errors import UserError
from seqmodels.types import Array, Carry, Float, Int

State = Any  # every leaf is [*B, ...]


class Scorer(NamedTuple):
    """A log weight for each symbol that may follow a prefix, and for the end after it.

    start:   ``(batch_shape) -> state`` of the empty prefix
    scores:  ``(state) -> [*B, V]``, the weight of each next symbol
    advance: ``(state, symbol) -> state``, the prefix extended by a symbol of each row
    end:     ``(state) -> [*B]``, the weight of the end

    V is the number of the recognizer's outputs, which include the blank; its weight is ignored.
    """

    start: Callable[[tuple[int, ...]], State]
    scores: Callable[[State], Array]
    advance: Callable[[State, Array], State]
    end: Callable[[State], Array]


class ModelState(NamedTuple):
    """A language model's carry, and the log-probabilities of what follows."""

    carry: Carry
    symbols: Float[Array, "*B V"]
    end: Float[Array, "*B"]


class ModelAlphabet(NamedTuple):
    """The tokens of a language model in terms of the recognizer's symbols.

    tokens:  the model's token of each symbol; -1 if it has none
    first:   token that precedes a text
    end:     token that follows a text; None if a text may end anywhere
    unknown: log-probability of a symbol without a token
    """

    tokens: Int[np.ndarray, "V"]
    first: int
    end: int | None = None
    unknown: float = -10.0


def automaton_scorer(automaton: Automaton) -> Scorer:
    """Return the weights of an automaton."""
    after, weight, end = (jnp.asarray(table) for table in automaton)

    def start(batch_shape: tuple[int, ...]) -> Int[Array, "*B"]:
        return jnp.zeros(batch_shape, jnp.int32)

    return Scorer(
        start=start,
        scores=lambda state: weight[state],
        advance=lambda state, symbol: after[state, symbol],
        end=lambda state: end[state],
    )


def model_scorer(
    step: Step, start: Callable[[tuple[int, ...]], Carry], alphabet: ModelAlphabet
) -> Scorer:
    """Return the log-probabilities of a language model ``step(carry, token) -> (carry, logits)``.

    ``start(batch_shape)`` is its first carry.  A symbol without a token leaves the carry as it is.
    """
    tokens = jnp.asarray(alphabet.tokens, jnp.int32)
    known = tokens >= 0

    def read(carry: Carry, token: Int[Array, "*B"]) -> ModelState:
        carry, logits = step(carry, token)
        nats = jax.nn.log_softmax(logits.astype(jnp.float32))
        shape = (*token.shape, len(tokens))
        symbols = jnp.where(
            jnp.broadcast_to(known, shape), nats[..., jnp.maximum(tokens, 0)], alphabet.unknown
        )
        end = jnp.zeros(token.shape) if alphabet.end is None else nats[..., alphabet.end]
        return ModelState(carry, symbols, end)

    def advance(state: ModelState, symbol: Int[Array, "*B"]) -> ModelState:
        new = read(state.carry, jnp.maximum(tokens[symbol], 0))
        return where(known[symbol], new, state)

    return Scorer(
        start=lambda shape: read(start(shape), jnp.full(shape, alphabet.first, jnp.int32)),
        scores=lambda state: state.symbols,
        advance=advance,
        end=lambda state: state.end,
    )


def match_alphabets(symbols: Sequence[str], tokens: Sequence[str]) -> Int[np.ndarray, "V"]:
    """Return the index of each symbol among a model's tokens; -1 if it is not one of them.

    >>> match_alphabets(["", "b", "é"], ["a", "b"]).tolist()
    [-1, 1, -1]
    """
    index = {token: n for n, token in enumerate(tokens)}
    found = np.array([index.get(symbol, -1) for symbol in symbols], np.int32)
    if (found < 0).all():
        raise UserError("the language model has none of the recognizer's symbols")
    return found


def weighted_sum(scorers: Sequence[Scorer], weights: Sequence[float | Array]) -> Scorer:
    """Return the weighted sum of several scorers.  What one of them forbids stays forbidden."""

    def total(parts: list[Array]) -> Array:
        terms = [
            jnp.where(part <= IMPOSSIBLE, IMPOSSIBLE, jnp.asarray(weight, jnp.float32) * part)
            for weight, part in zip(weights, parts, strict=True)
        ]
        return jnp.maximum(sum(terms[1:], terms[0]), IMPOSSIBLE)

    return Scorer(
        start=lambda shape: tuple(scorer.start(shape) for scorer in scorers),
        scores=lambda states: total([s.scores(x) for s, x in zip(scorers, states, strict=True)]),
        advance=lambda states, symbol: tuple(
            scorer.advance(state, symbol) for scorer, state in zip(scorers, states, strict=True)
        ),
        end=lambda states: total([s.end(x) for s, x in zip(scorers, states, strict=True)]),
    )
