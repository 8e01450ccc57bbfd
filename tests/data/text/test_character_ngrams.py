from seqmodels.data.text.character_ngrams import MAX_NGRAMS, ngram_indices

BUCKETS = 30


def test_related_words_share_ngrams_and_long_words_are_truncated():
    first, second, other = map(set, ngram_indices(["movingly", "unmoving", "quartz"], 10**6))
    assert len(first & second - {0}) >= 6
    assert not first & other - {0}
    assert ngram_indices(["a" * 100], BUCKETS).shape == (1, MAX_NGRAMS)
    assert (ngram_indices(["a" * 100], BUCKETS) > 0).all()
    assert ngram_indices([], BUCKETS).shape == (0, MAX_NGRAMS)
