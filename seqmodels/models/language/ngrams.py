"""N-gram models with interpolated Kneser-Ney smoothing, as automata.

Kneser and Ney (1995), Chen and Goodman (1999).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from seqmodels.decode.automata import IMPOSSIBLE, Automaton
from seqmodels.errors import UserError


class _Text(NamedTuple):
    """All texts, each between a start and an end symbol."""

    symbols: Int[np.ndarray, "N"]
    place: Int[np.ndarray, "N"]  # position in its text
    size: int  # number of symbols, V; the end is number V, the start number V + 1


class _Grams(NamedTuple):
    """The M distinct sequences of m symbols within a text.

    at:     index of the sequence that ends at each position of the text; -1 where it is too short
    prefix: index of the sequence without its last symbol, among those of m - 1 symbols
    suffix: index of the sequence without its first symbol
    last:   last symbol
    counts: number of occurrences
    starts: whether the first symbol is the start
    """

    at: Int[np.ndarray, "N"]
    prefix: Int[np.ndarray, "M"]
    suffix: Int[np.ndarray, "M"]
    last: Int[np.ndarray, "M"]
    counts: Int[np.ndarray, "M"]
    starts: Bool[np.ndarray, "M"]


class _Level(NamedTuple):
    """The kept contexts of one length.

    grams:         index of each context among the sequences of its length
    rows:          row of each sequence among the contexts; -1 if it is not one
    probabilities: of each symbol and of the end
    """

    grams: Int[np.ndarray, "C"]
    rows: Int[np.ndarray, "M"]
    probabilities: Float[np.ndarray, "C V_plus_one"]


def ngram_automaton(
    texts: Sequence[Sequence[int]],
    symbols: int,
    *,
    order: int = 5,
    blank: int = 0,
    states: int = 50_000,
) -> Automaton:
    """Return log p(c | h), for h the previous ``order - 1`` symbols, and log p(end | h).

        p(c | h) = (max(n(h c) - D, 0) + D m(h) p(c | h')) / sum_c n(h c)

    h' is h without its first symbol, and the shortest distribution is uniform.  n(h c) counts h c
    in the texts if h is of full length or begins a text; otherwise it is the number of different
    symbols before h c.  m(h) is the number of different symbols after h.  The discount is
    D = n1 / (n1 + 2 n2), from the numbers of sequences with n = 1 and 2.

    At most ``states`` contexts are kept, the most frequent ones.  Any other context has the
    probabilities of its longest suffix that is kept.  The blank has none.
    """
    if not len(texts):
        raise UserError("an n-gram model needs at least one text")
    text = _concatenate(texts, symbols, blank)
    none = np.zeros(1, np.int64)  # the empty sequence
    grams = [_Grams(np.zeros_like(text.place), none, none, none, none, np.zeros(1, bool))]
    for length in range(1, order + 1):
        grams.append(_distinct(text, grams[-1], length))
    kept = _frequent(grams[:order], text.size, states)
    levels: list[_Level] = []
    for length in range(order):
        levels.append(_level(grams, length, kept[length], levels, blank))
    return _automaton(grams, levels)


def _concatenate(texts: Sequence[Sequence[int]], symbols: int, blank: int) -> _Text:
    rows = [np.array([symbols + 1, *text, symbols], np.int64) for text in texts]
    joined = np.concatenate(rows)
    inner = np.concatenate([row[1:-1] for row in rows])
    if ((inner < 0) | (inner >= symbols) | (inner == blank)).any():
        raise UserError(f"a text has a symbol that is the blank or not one of 0 to {symbols - 1}")
    return _Text(joined, np.concatenate([np.arange(len(row)) for row in rows]), symbols)


def _distinct(text: _Text, shorter: _Grams, length: int) -> _Grams:
    """Return the distinct sequences of a length."""
    before = np.concatenate([[-1], shorter.at[:-1]]) if length > 1 else shorter.at
    inside = np.flatnonzero((text.place >= length - 1) & (before >= 0))
    keys = before[inside] * (text.size + 2) + text.symbols[inside]
    _, first, inverse, counts = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    at, first = np.full(len(text.place), -1), inside[first]
    at[inside] = inverse
    starts = text.place[first] == length - 1
    return _Grams(at, before[first], shorter.at[first], text.symbols[first], counts, starts)


def _frequent(grams: Sequence[_Grams], end: int, states: int) -> list[np.ndarray]:
    """Return which sequences of each length are kept as contexts.

    A prefix or suffix is at least as frequent as the whole, and comes first in the stable order.
    """
    counts = [np.where(level.last == end, 0, level.counts) for level in grams]
    counts[0] = np.array([np.iinfo(np.int64).max])  # the empty context
    if len(grams) > 1:
        counts[1] = np.where(grams[1].starts, np.iinfo(np.int64).max, counts[1])
    joined = np.concatenate(counts)
    kept = np.zeros(len(joined), bool)
    kept[np.argsort(-joined, kind="stable")[: max(states, 2)]] = True
    return np.split(kept & (joined > 0), np.cumsum([len(level) for level in counts])[:-1])


def _level(
    grams: Sequence[_Grams], length: int, kept: np.ndarray, shorter: Sequence[_Level], blank: int
) -> _Level:
    """Return the contexts of a length, and the smoothed probabilities after them."""
    longer, size = grams[length + 1], int(grams[1].last.max())  # the start has the largest number
    counts = longer.counts
    if length + 2 < len(grams):
        different = np.bincount(grams[length + 2].suffix, minlength=len(counts))
        counts = np.where(longer.starts, counts, different)
    events = longer.last < size
    rows = np.where(kept, np.cumsum(kept) - 1, -1)
    chosen = np.flatnonzero(events & (rows[longer.prefix] >= 0))
    table = np.zeros((int(kept.sum()), size))
    table[rows[longer.prefix[chosen]], longer.last[chosen]] = counts[chosen]
    if shorter:
        suffixes = shorter[-1].rows[grams[length].suffix[kept]]
        lower = shorter[-1].probabilities[suffixes]
    else:
        lower = np.where(np.arange(size) == blank, 0.0, 1.0 / (size - (0 <= blank < size - 1)))[
            None
        ]
    discount = _discount(counts[events])
    held = discount * np.count_nonzero(table, axis=1, keepdims=True)
    smoothed = np.maximum(table - discount, 0.0) + held * lower
    return _Level(np.flatnonzero(kept), rows, smoothed / table.sum(axis=1, keepdims=True))


def _discount(counts: np.ndarray) -> float:
    """Return the absolute discount; one half where it cannot be estimated."""
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    return once / (once + 2 * twice) if once and twice else 0.5


def _automaton(grams: Sequence[_Grams], levels: Sequence[_Level]) -> Automaton:
    """Number the contexts of all lengths, the start of a text first."""
    offsets = np.cumsum([0, *(len(level.grams) for level in levels)])
    probabilities = np.concatenate([level.probabilities for level in levels])
    count = probabilities.shape[1] - 1
    following = np.zeros((offsets[-1], count), np.int64)
    for length, level in enumerate(levels):
        own = slice(offsets[length], offsets[length + 1])
        if length:
            suffixes = levels[length - 1].rows[grams[length].suffix[level.grams]]
            following[own] = following[offsets[length - 1] + suffixes]
        if length + 1 < len(levels):
            longer, rows = grams[length + 1], levels[length + 1].rows
            known = np.flatnonzero((rows >= 0) & (longer.last < count))
            states = offsets[length] + level.rows[longer.prefix[known]]
            following[states, longer.last[known]] = offsets[length + 1] + rows[known]
    with np.errstate(divide="ignore"):
        nats = np.maximum(np.log(probabilities), IMPOSSIBLE).astype(np.float32)
    start = (
        offsets[1] + levels[1].rows[np.flatnonzero(grams[1].starts)[0]] if len(levels) > 1 else 0
    )
    order = np.concatenate([[start], np.delete(np.arange(offsets[-1]), start)])
    place = np.argsort(order).astype(np.int32)
    return Automaton(place[following[order]], nats[order, :-1], nats[order, -1])
