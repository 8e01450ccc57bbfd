import numpy as np
import pytest

from seqmodels.models.language.counting import ngram_nats, unigram


def test_counts_become_probabilities():
    tokens = np.array([0, 1, 0, 1, 0, 2])
    np.testing.assert_allclose(unigram(tokens, 4), np.array([4, 3, 2, 1]) / 10)


def test_pairs_are_those_of_a_table_of_all():
    random = np.random.default_rng(0)
    train, held_out = random.integers(0, 5, 60), random.integers(0, 6, 40)
    table = np.zeros((6, 6))
    np.add.at(table, (train[:-1], train[1:]), 1)
    costs = []
    for weight in (0.5, 8.0):
        p = (table + weight * unigram(train, 6)) / (table.sum(axis=1, keepdims=True) + weight)
        costs.append(-np.log(p[held_out[:-1], held_out[1:]]).mean())
    single, pair = ngram_nats(train, held_out, 6, (0.5, 8.0))
    assert single == pytest.approx(-np.log(unigram(train, 6)[held_out[1:]]).mean())
    assert pair == pytest.approx(min(costs))


def test_a_text_that_repeats_costs_a_bigram_nothing():
    text = np.tile([0, 1, 2], 2000)
    single, pair = ngram_nats(text, text[:300], 3)
    assert single == pytest.approx(np.log(3), rel=1e-3)
    assert 0 < pair < 0.01
