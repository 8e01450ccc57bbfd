"""Automata against definitions of their weights, over all short texts."""

import re
from itertools import product

import numpy as np
import pytest

from seqmodels.decode.automata import IMPOSSIBLE, lexicon, phrase_bonus, text_weight
from seqmodels.errors import UserError

TEXTS = [text for length in range(7) for text in product(range(1, 4), repeat=length)]


def string(text):
    return "".join(map(str, text))


def test_a_lexicon_accepts_words_between_free_symbols():
    automaton = lexicon([[1, 2], [1], [2, 2, 1]], 4, weights=[-1.0, -2.0, -0.5])
    pattern = re.compile("3*((12|1|221)3+)*(12|1|221)?")
    nats = {"12": -1.0, "1": -2.0, "221": -0.5}
    accepted = 0
    for text in TEXTS:
        weight = text_weight(automaton, text)
        if pattern.fullmatch(string(text)):
            words = [word for word in string(text).split("3") if word]
            assert weight == pytest.approx(sum(nats[word] for word in words))
            accepted += 1
        else:
            assert weight < IMPOSSIBLE / 2
    assert accepted > 20


def test_a_free_symbol_may_also_occur_in_words():
    """An apostrophe is free, but "1 ' 2" is one word."""
    automaton = lexicon([[1, 3, 2]], 4, free=[0, 3])
    assert text_weight(automaton, [3, 1, 3, 2, 3]) == 0.0
    assert text_weight(automaton, [1, 3]) < IMPOSSIBLE / 2


@pytest.mark.parametrize(
    "phrases", [["123"], ["12", "1231", "23"], ["11"], ["121", "21", "1"], ["12", "12"]]
)
def test_the_bonus_counts_the_symbols_of_all_occurrences(phrases):
    automaton = phrase_bonus([list(map(int, phrase)) for phrase in phrases], 4, 0.5)
    own = {}  # symbols that no shorter phrase at the beginning has
    for phrase in set(phrases):
        shorter = [len(p) for p in phrases if p != phrase and phrase.startswith(p)]
        own[phrase] = len(phrase) - max(shorter, default=0)
    for text in TEXTS:
        places = range(len(text))
        found = sum(own[p] for p in own for at in places if string(text).startswith(p, at))
        assert text_weight(automaton, text) == pytest.approx(0.5 * found, abs=1e-5)
    first = int(phrases[0][0])
    assert automaton.weight[0, first] == np.float32(0.5)  # before the phrase is complete


@pytest.mark.parametrize("words", [[[1], []], [[4]], [[-1]]])
def test_words_need_known_symbols(words):
    with pytest.raises(UserError, match="word or phrase"):
        lexicon(words, 4)
