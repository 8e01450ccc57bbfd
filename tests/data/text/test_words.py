from seqmodels.data.text.words import split_cased_words, split_words


def test_words_of_any_alphabet():
    assert split_words("Wo n't — isn’t 3.5 ДА, ça!") == [
        "wo", "n't", "—", "isn’t", "3", ".", "5", "да", ",", "ça", "!",
    ]  # fmt: skip
    assert split_cased_words("ДА, it's") == ["ДА", ",", "it's"]
