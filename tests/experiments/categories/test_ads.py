from collections import Counter

import numpy as np
import pytest

from experiments.categories.ads import SUBCATEGORIES, generate_ads


@pytest.fixture(scope="module")
def ads():
    return generate_ads(2000)


def test_ads_are_distinct_and_cover_both_languages_and_all_classes(ads):
    examples = [example for split in ads for example in split]
    assert len(set(examples)) == len(examples) == 2000
    assert {example.label for example in ads.test} == {item.label for item in SUBCATEGORIES}
    cyrillic = [any("а" <= letter <= "я" for letter in e.text) for e in examples]
    assert 0.4 < np.mean(cyrillic) < 0.6
    assert generate_ads(100) == generate_ads(100)


def test_words_occur_in_several_classes_and_the_price_separates_rent_from_sale(ads):
    bicycles = Counter(e.label for e in ads.train if "bicycle" in e.text)
    assert len(bicycles) > 3
    prices = {
        label: [float(e.attributes[0]) for e in ads.train if e.label == label]
        for label in ("property:sale", "property:rent")
    }
    assert max(prices["property:rent"]) < min(prices["property:sale"])
