from collections import Counter, defaultdict

import numpy as np
import pytest

from experiments.sentiment.reviews import (
    BAD,
    EARLY_BAD,
    EARLY_GOOD,
    FAR,
    GOOD,
    PROPERTIES,
    reviews,
)


@pytest.fixture(scope="module")
def made():
    return reviews(1500)


def opinions(review):
    return [word for word in review.text.split() if word in {*GOOD, *BAD, *EARLY_GOOD, *EARLY_BAD}]


def test_texts_are_distinct_and_the_same_every_time(made):
    texts = [review.text for part in made for review in part]
    assert len(set(texts)) == len(texts) >= 1500 * 0.98
    assert made == reviews(1500)
    assert made.train != reviews(1500, seed=1).train
    assert 0.45 < np.mean([review.label == "praise" for review in made.train]) < 0.55


def test_order_pairs_have_the_same_words_and_opposite_labels(made):
    bags = defaultdict(list)
    for review in made.test:
        if "order" in review.properties:
            bags[frozenset(Counter(review.text.split()).items())].append(review.label == "praise")
    assert len(bags) > 40
    assert all(np.mean(labels) == 0.5 for labels in bags.values())


def test_held_out_combinations_are_in_no_other_part(made):
    pairs = [{frozenset(opinions(r)) for r in part if len(opinions(r)) == 2} for part in made]
    assert not pairs[0] & pairs[1]
    assert not pairs[0] & pairs[2]
    assert not pairs[1] & pairs[2]


def test_properties_are_what_they_say(made):
    longest = max(len(review.text.split()) for review in made.train)
    early = {*EARLY_GOOD, *EARLY_BAD}
    places = [r.text.split().index(w) for r in made.train for w in opinions(r) if w in early]
    for review in made.test:
        words = review.text.split()
        last = max(words.index(word) for word in opinions(review))
        if "length" in review.properties:
            assert len(words) > longest
        if "distance" in review.properties:
            assert len(words) - last > FAR
        if "position" in review.properties:
            assert set(opinions(review)) <= early
    assert max(places) < 12
    found = Counter(name for review in made.test for name in review.properties)
    assert min(found[name] for name in PROPERTIES) > 15


@pytest.mark.parametrize(
    ("text", "label"),
    [("not bad at all", "praise"), ("not good at all", "blame"), ("always hideous", "blame")],
)
def test_labels_follow_the_sense(text, label, made):
    labels = [review.label for review in made.train if text in review.text]
    assert labels
    assert set(labels) == {label}
