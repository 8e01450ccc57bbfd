from zlib import crc32

import numpy as np

from seqmodels.data.text.config import TextConfig
from seqmodels.data.text.labelled import Example
from seqmodels.data.text.labelled_fields import text_fields, text_metadata, without_ngrams


def test_ngrams_are_those_of_the_original_case():
    texts = [Example("Mark may mark May", "a")]
    config = TextConfig(min_count=1, max_symbols=9, ngrams=10**6)
    fields = text_fields(texts, text_metadata(texts, config), config)
    x = fields["x"].values
    np.testing.assert_array_equal(x[0, 0], x[2, 0])
    assert [1 + crc32(gram) % 10**6 in x[0] for gram in (b"<Ma", b"<ma")] == [True, False]
    assert [1 + crc32(gram) % 10**6 in x[2] for gram in (b"<Ma", b"<ma")] == [False, True]
    words = without_ngrams(fields["x"])
    np.testing.assert_array_equal(words.values, x[:, 0])
    assert without_ngrams(words) is words


def test_texts_are_truncated_and_empty_ones_are_unknown():
    train = [Example("a b a", "x"), Example("b", "y")]
    config = TextConfig(min_count=2, max_symbols=2)
    metadata = text_metadata(train, config)
    assert metadata == {"vocabulary": {"symbols": ["<unk>", "a", "b"]}, "classes": ["x", "y"]}
    fields = text_fields([*train, Example("", "y")], metadata, config)
    np.testing.assert_array_equal(fields["x"].lengths, [2, 1, 1])
    np.testing.assert_array_equal(fields["x"].values, [1, 2, 2, 0])
    np.testing.assert_array_equal(fields["label"], [0, 1, 1])
