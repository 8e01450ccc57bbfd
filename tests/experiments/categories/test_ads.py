from collections import Counter

import numpy as np
import pytest

from experiments.categories.ads import KINDS, ads
from experiments.categories.attributes import attribute_features, attribute_scheme, attribute_size


@pytest.fixture(scope="module")
def made():
    return ads(2000)


def test_ads_are_distinct_in_both_languages_and_every_class(made):
    everything = [example for part in made for example in part]
    assert len(set(everything)) == len(everything) == 2000
    assert {example.label for example in made.test} == {kind.label for kind in KINDS}
    cyrillic = [any("а" <= letter <= "я" for letter in e.text) for e in everything]
    assert 0.4 < np.mean(cyrillic) < 0.6
    assert ads(100) == ads(100)


def test_words_alone_do_not_decide(made):
    """Every ad may name what it would be swapped for; and only the price tells rent from sale."""
    named = Counter(e.label for e in made.train if "bicycle" in e.text)
    assert len(named) > 3
    prices = {
        label: [float(e.attributes[0]) for e in made.train if e.label == label]
        for label in ("property:sale", "property:rent")
    }
    assert max(prices["property:rent"]) < min(prices["property:sale"])


def test_numbers_are_scaled_and_names_are_one_hot():
    rows = [("10", "Leeds"), ("1000", "York"), ("", "Leeds"), ("-5", "")]
    scheme = attribute_scheme(rows)
    features = attribute_features(rows, scheme)
    assert features.shape == (4, attribute_size(scheme)) == (4, 4)
    numbers = features[[0, 1, 3], 0]
    np.testing.assert_allclose((numbers.mean(), numbers.std()), (0, 1), atol=1e-6)
    np.testing.assert_array_equal(features[:, 1], [1, 1, 0, 1])
    np.testing.assert_array_equal(features[:, 2:], [[1, 0], [0, 1], [1, 0], [0, 0]])
    unseen = attribute_features([("many", "Paris")], scheme)
    assert not unseen.any()
