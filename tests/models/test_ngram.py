import numpy as np
import pytest

from seqmodels.models.ngram import bigram, ngram_nats, unigram


def test_counts_become_probabilities():
    tokens = np.array([0, 1, 0, 1, 0, 2])
    np.testing.assert_allclose(unigram(tokens, 4), np.array([4, 3, 2, 1]) / 10)
    pairs = bigram(tokens, 4)
    np.testing.assert_allclose(pairs.sum(axis=1), 1.0)
    np.testing.assert_allclose(pairs[0], (np.array([0, 2, 1, 0]) + unigram(tokens, 4)) / 4)


def test_a_text_that_repeats_costs_a_bigram_nothing():
    text = np.tile([0, 1, 2], 2000)
    single, pair = ngram_nats(text, text[:300], 3)
    assert single == pytest.approx(np.log(3), rel=1e-3)
    assert 0 < pair < 0.01
