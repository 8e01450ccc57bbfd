import numpy as np

from experiments.categories.clues import bags, clues


def test_a_text_is_known_by_its_words_their_parts_and_pairs_whatever_comes_twice():
    found = clues(["Who", "met", "who", "?"])
    assert {"w who", "W Who", "W who", "who*", "*met", "met who", "<s> who"} <= found
    assert {"who ... met", "who ... ?", "0 who", "2 who"} <= found
    assert not {"W Met", "who ?*", "? who", "met ... who"} & found
    assert clues([]) == set()


def test_bags_number_each_clue_once():
    texts = [["What", "is", "it"], [], ["it", "is", "what"]]
    found = bags(texts, 10**9)
    np.testing.assert_array_equal(found.lengths, [len(clues(text)) for text in texts])
    first, second = (set(part) for part in np.split(found.values, found.offsets[1:2]))
    shared = clues(texts[0]) & clues(texts[2])
    assert len(first & second) == len(shared) > 3
    few = bags(texts, 5)
    assert set(few.values) <= set(range(5))
    assert all(len(set(part)) == len(part) for part in np.split(few.values, few.offsets[1:-1]))
