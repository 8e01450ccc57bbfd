import numpy as np
import pytest

from seqmodels.data.splits import Splits
from seqmodels.models.language.counting import (
    ngram_baselines,
    ngram_nats,
    unigram_probabilities,
)
from seqmodels.train.experiment import Baseline


def test_unigram_probabilities_are_smoothed_frequencies():
    tokens = np.array([0, 1, 0, 1, 0, 2])
    np.testing.assert_allclose(unigram_probabilities(tokens, 4), np.array([4, 3, 2, 1]) / 10)


def test_ngram_nats_equal_those_of_a_table_of_all_pairs():
    random = np.random.default_rng(0)
    train, held_out = random.integers(0, 5, 60), random.integers(0, 6, 40)
    unigram = unigram_probabilities(train, 6)
    table = np.zeros((6, 6))
    np.add.at(table, (train[:-1], train[1:]), 1)
    costs = []
    for weight in (0.5, 8.0):
        p = (table + weight * unigram) / (table.sum(axis=1, keepdims=True) + weight)
        costs.append(-np.log(p[held_out[:-1], held_out[1:]]).mean())
    nats = ngram_nats(train, held_out, 6, (0.5, 8.0))
    assert nats.unigram == pytest.approx(-np.log(unigram[held_out[1:]]).mean())
    assert nats.bigram == pytest.approx(min(costs))


def test_baselines_choose_the_weight_on_dev_and_need_a_test_text():
    random = np.random.default_rng(0)
    train, dev, test = (random.integers(0, 5, size) for size in (60, 40, 30))
    nats = ngram_nats(train, dev, 5, (0.5, 8.0))
    on_test = ngram_nats(train, test, 5, (nats.weight,))
    bigrams, unigrams = ngram_baselines(Splits(train, dev, test), 5, (0.5, 8.0))
    assert bigrams == Baseline("bigrams", nats.bigram, on_test.bigram)
    assert unigrams == Baseline("unigrams", nats.unigram, on_test.unigram)
    without = ngram_baselines(Splits(train, dev, test[:0]), 5)
    assert [baseline.test for baseline in without] == [None, None]


def test_bigrams_predict_a_periodic_text():
    text = np.tile([0, 1, 2], 2000)
    nats = ngram_nats(text, text[:300], 3)
    assert nats.unigram == pytest.approx(np.log(3), rel=1e-3)
    assert 0 < nats.bigram < 0.01
