"""Weighted automata: a lexicon with free punctuation, and bonuses for phrases.

The symbols are a recognizer's outputs, as numbers.  A character n-gram model as an automaton is in
``models/language/ngrams.py``.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from seqmodels.errors import UserError

IMPOSSIBLE = -1e30  # finite, so that sums of it are finite


class Automaton(NamedTuple):
    """A deterministic automaton over V symbols; a text begins in state 0.

    next:   state after a symbol
    weight: log weight of a symbol; ``IMPOSSIBLE`` if it may not follow
    end:    log weight of ending a text in a state
    """

    next: Int[np.ndarray, "S V"]
    weight: Float[np.ndarray, "S V"]
    end: Float[np.ndarray, "S"]


class _Trie(NamedTuple):
    """A trie of sequences; node 0 is the root."""

    children: list[dict[int, int]]
    last: list[int]  # last node of each sequence


def text_weight(automaton: Automaton, text: Sequence[int]) -> float:
    """Return the sum of an automaton's weights over a text and its end."""
    state, total = 0, 0.0
    for symbol in text:
        total += float(automaton.weight[state, symbol])
        state = int(automaton.next[state, symbol])
    return total + float(automaton.end[state])


def lexicon(
    words: Sequence[Sequence[int]],
    symbols: int,
    *,
    free: Sequence[int] | None = None,
    weights: Sequence[float] | None = None,
) -> Automaton:
    """Return an automaton of texts that consist of these words.

    Free symbols may occur anywhere between words, and two words need at least one between them.
    By default these are the symbols that occur in no word, such as spaces and punctuation.  A word
    must be complete before a free symbol and at the end.  ``weights`` are added where a word is
    complete, for example log-probabilities.

    >>> automaton = lexicon([[1, 2], [1]], symbols=4)
    >>> [text_weight(automaton, text) > IMPOSSIBLE / 2 for text in ([1, 2, 3, 1], [1, 1], [2])]
    [True, False, False]
    """
    trie = _trie(words, symbols)
    inside = {symbol for word in words for symbol in word}
    between = sorted(set(range(symbols)) - inside) if free is None else list(free)
    next_state = np.zeros((len(trie.children), symbols), np.int32)
    weight = np.full((len(trie.children), symbols), IMPOSSIBLE, np.float32)
    end = np.full(len(trie.children), IMPOSSIBLE, np.float32)
    end[0] = 0.0
    end[trie.last] = 0.0 if weights is None else weights
    weight[:, between] = end[:, None]
    for node, children in enumerate(trie.children):
        for symbol, child in children.items():
            next_state[node, symbol], weight[node, symbol] = child, 0.0
    return Automaton(next_state, weight, end)


def phrase_bonus(phrases: Sequence[Sequence[int]], symbols: int, bonus: float) -> Automaton:
    """Return an automaton that adds a bonus for every symbol of a phrase.

    The bonus is added from the first symbol of a phrase on, so that a search keeps it, and given
    back if the phrase breaks off.  The symbols that a phrase shares with a shorter one at its
    beginning count once.  Aho and Corasick (1975).

    >>> automaton = phrase_bonus([[1, 2, 3]], symbols=4, bonus=2.0)
    >>> [text_weight(automaton, text) for text in ([1, 2, 3], [0, 1, 2, 3, 1], [1, 2, 0], [1, 2])]
    [6.0, 6.0, 0.0, 0.0]
    """
    trie = _trie(phrases, symbols)
    states = len(trie.children)
    next_state = np.zeros((states, symbols), np.int32)
    open_bonus = np.zeros(states, np.float32)  # of the unfinished phrase, to be given back
    finished = np.zeros(states, np.float32)  # of all phrases that end in a state
    shorter = np.zeros(states, np.int32)  # state of the longest proper suffix
    complete = set(trie.last)
    queue = deque([0])
    while queue:
        node = queue.popleft()
        next_state[node] = next_state[shorter[node]]
        for symbol, child in trie.children[node].items():
            shorter[child] = next_state[node, symbol] if node else 0
            next_state[node, symbol] = child
            progress = open_bonus[node] + bonus
            open_bonus[child] = 0.0 if child in complete else progress
            own = progress if child in complete else 0.0
            finished[child] = own + finished[shorter[child]]
            queue.append(child)
    value = (open_bonus + finished)[next_state]
    return Automaton(next_state, (value - open_bonus[:, None]).astype(np.float32), -open_bonus)


def _trie(sequences: Sequence[Sequence[int]], symbols: int) -> _Trie:
    """Build the trie of nonempty sequences."""
    children: list[dict[int, int]] = [{}]
    last = []
    for sequence in sequences:
        if not len(sequence):
            raise UserError("a word or phrase is empty; remove it from the list")
        node = 0
        for symbol in sequence:
            if not 0 <= symbol < symbols:
                raise UserError(
                    f"a word or phrase has symbol {symbol}, not one of 0 to {symbols - 1}"
                )
            if symbol not in children[node]:
                children[node][symbol] = len(children)
                children.append({})
            node = children[node][symbol]
        last.append(node)
    return _Trie(children, last)
