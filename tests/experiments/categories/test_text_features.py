import numpy as np

from experiments.categories.text_features import hashed_features, text_features


def test_features_are_words_their_parts_and_pairs_without_duplicates():
    features = text_features(["Who", "met", "who", "?"])
    assert {"w who", "W Who", "W who", "who*", "*met", "met who", "<s> who"} <= features
    assert {"who ... met", "who ... ?", "0 who", "2 who"} <= features
    assert not {"W Met", "who ?*", "? who", "met ... who"} & features
    assert text_features([]) == set()


def test_each_feature_is_hashed_once():
    texts = [["What", "is", "it"], [], ["it", "is", "what"]]
    found = hashed_features(texts, 10**9)
    np.testing.assert_array_equal(found.lengths, [len(text_features(text)) for text in texts])
    first, second = (set(part) for part in np.split(found.values, found.offsets[1:2]))
    shared = text_features(texts[0]) & text_features(texts[2])
    assert len(first & second) == len(shared) > 3
    few = hashed_features(texts, 5)
    assert set(few.values) <= set(range(5))
    assert all(len(set(part)) == len(part) for part in np.split(few.values, few.offsets[1:-1]))
