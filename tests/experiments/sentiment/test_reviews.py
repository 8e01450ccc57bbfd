from collections import Counter, defaultdict

import numpy as np
import pytest

from experiments.sentiment.reviews import (
    BAD,
    EARLY_BAD,
    EARLY_GOOD,
    GOOD,
    MIN_DISTANCE,
    PROPERTIES,
    generate_reviews,
    review_properties,
)


@pytest.fixture(scope="module")
def reviews():
    return generate_reviews(1500)


def opinion_words(review):
    return [word for word in review.text.split() if word in {*GOOD, *BAD, *EARLY_GOOD, *EARLY_BAD}]


def test_texts_are_distinct_and_reproducible(reviews):
    texts = [review.text for split in reviews for review in split]
    assert len(set(texts)) == len(texts) >= 1500 * 0.98
    assert reviews == generate_reviews(1500)
    assert reviews.train != generate_reviews(1500, seed=1).train
    assert 0.45 < np.mean([review.label == "praise" for review in reviews.train]) < 0.55


def test_order_pairs_have_the_same_words_and_opposite_labels(reviews):
    bags = defaultdict(list)
    for review in reviews.test:
        if "order" in review.properties:
            bags[frozenset(Counter(review.text.split()).items())].append(review.label == "praise")
    assert len(bags) > 40
    assert all(np.mean(labels) == 0.5 for labels in bags.values())


def test_splits_share_no_combination_of_opinion_words(reviews):
    pairs = [
        {frozenset(opinion_words(r)) for r in split if len(opinion_words(r)) == 2}
        for split in reviews
    ]
    assert not pairs[0] & pairs[1]
    assert not pairs[0] & pairs[2]
    assert not pairs[1] & pairs[2]


def test_texts_have_their_properties(reviews):
    longest = max(len(review.text.split()) for review in reviews.train)
    early = {*EARLY_GOOD, *EARLY_BAD}
    places = [
        r.text.split().index(w) for r in reviews.train for w in opinion_words(r) if w in early
    ]
    for review in reviews.test:
        words = review.text.split()
        last = max(words.index(word) for word in opinion_words(review))
        if "length" in review.properties:
            assert len(words) > longest
        if "distance" in review.properties:
            assert len(words) - last > MIN_DISTANCE
        if "position" in review.properties:
            assert set(opinion_words(review)) <= early
    assert max(places) < 12
    counts = Counter(name for review in reviews.test for name in review.properties)
    assert min(counts[name] for name in PROPERTIES) > 15
    field = review_properties(reviews.test)["properties"]
    np.testing.assert_array_equal(field.sum(axis=0), [counts[name] for name in PROPERTIES])


@pytest.mark.parametrize(
    ("text", "label"),
    [("not bad at all", "praise"), ("not good at all", "blame"), ("always hideous", "blame")],
)
def test_labels_follow_the_meaning(text, label, reviews):
    labels = [review.label for review in reviews.train if text in review.text]
    assert labels
    assert set(labels) == {label}
