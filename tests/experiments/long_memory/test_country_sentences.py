import numpy as np
import pytest

from experiments.long_memory.country_sentences import (
    LANGUAGE_OF_COUNTRY,
    SENTENCE_WORDS,
    country_sentence,
)


@pytest.mark.parametrize("length", [5, 6, 23])
def test_country_and_language_are_this_many_words_apart(length):
    random = np.random.default_rng(1)
    for _ in range(50):
        words, language = country_sentence(random, length)
        assert " ".join(words[:4]) == "i grew up in"
        assert " ".join(words[-4:]) == "so i speak fluent"
        assert LANGUAGE_OF_COUNTRY[words[4]] == language
        assert len(words) - words.index(words[4]) == length
        assert set(words) <= set(SENTENCE_WORDS)
