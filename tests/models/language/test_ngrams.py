"""N-gram automata against the recursive definition, over dictionaries."""

from collections import Counter, defaultdict
from math import log

import numpy as np
import pytest

from seqmodels.decode.automata import IMPOSSIBLE, text_weight
from seqmodels.errors import UserError
from seqmodels.models.language.ngrams import ngram_automaton

RANDOM = np.random.default_rng(0)
CHAIN = RANDOM.dirichlet(np.full(4, 0.4), size=(5, 5))
V = 6  # blank 0, four symbols, and symbol 5, which occurs in no text


def draw():
    text = [1, 2]
    while RANDOM.random() < 0.9 and len(text) < 30:
        text.append(1 + int(RANDOM.choice(4, p=CHAIN[text[-2], text[-1]])))
    return text[2:]


TEXTS = [draw() for _ in range(40)]


def direct(order):
    """Return p(c, h) by recursion; h is a tuple that may begin with "start"."""
    counts = Counter()
    for text in TEXTS:
        marked = ["start", *text, "end"]
        for n in range(1, order + 1):
            counts.update(tuple(marked[i : i + n]) for i in range(len(marked) - n + 1))
    left = defaultdict(set)
    for gram in counts:
        left[gram[1:]].add(gram[0])
    values = {
        gram: count if len(gram) == order or gram[0] == "start" else len(left[gram])
        for gram, count in counts.items()
        if gram[-1] != "start"
    }
    discounts = []
    for n in range(1, order + 1):
        of = [value for gram, value in values.items() if len(gram) == n]
        once, twice = of.count(1), of.count(2)
        discounts.append(once / (once + 2 * twice) if once and twice else 0.5)
    events = [*range(1, V), "end"]

    def probability(c, h):
        lower = probability(c, h[1:]) if h else 1 / len(events)
        after = [values[(*h, e)] for e in events if (*h, e) in values]
        if not after:
            return lower
        discount = discounts[len(h)]
        own = max(values.get((*h, c), 0.0) - discount, 0.0)
        return (own + discount * len(after) * lower) / sum(after)

    return probability


@pytest.mark.parametrize("order", [1, 2, 4])
def test_weights_equal_the_definition_and_sum_to_one(order):
    automaton, probability = ngram_automaton(TEXTS, V, order=order), direct(order)
    sums = np.exp(automaton.weight).sum(axis=1) + np.exp(automaton.end)
    np.testing.assert_allclose(sums, 1.0, rtol=1e-5)
    assert (automaton.weight[:, 0] == np.float32(IMPOSSIBLE)).all()
    for text in [*TEXTS[:5], [], [5, 1, 2], [4, 4, 4, 4, 4, 1], draw()]:
        marked = ["start", *text, "end"]
        expected = sum(
            log(probability(c, tuple(marked[max(0, i + 2 - order) : i + 1])))
            for i, c in enumerate(marked[1:])
        )
        np.testing.assert_allclose(text_weight(automaton, text), expected, rtol=1e-5)


def test_fewer_states_keep_the_frequent_contexts():
    full, small = (ngram_automaton(TEXTS, V, order=4, states=states) for states in (10_000, 12))
    assert len(small.end) == 12 < len(full.end)
    sums = np.exp(small.weight).sum(axis=1) + np.exp(small.end)
    np.testing.assert_allclose(sums, 1.0, rtol=1e-5)
    rows = {tuple(row.tolist()) for row in full.weight}
    assert all(tuple(row.tolist()) in rows for row in small.weight)
    assert small.next.max() < 12
    held_out = [draw() for _ in range(20)]
    uniform = -log(V) * sum(len(text) + 1 for text in held_out)
    assert sum(text_weight(small, text) for text in held_out) > uniform


@pytest.mark.parametrize("texts", [[], [[1, 0]], [[6]]])
def test_texts_need_symbols(texts):
    with pytest.raises(UserError, match="text"):
        ngram_automaton(texts, V)
