"""Interpolated counts."""

from math import log

import pytest

from experiments.music.counting import Event, count_contexts


def event(value, context, lowest=0):
    return Event(value, lowest, 0.25, ((), (context,)))


COUNTS = count_contexts([(event(1, "a"), 3), (event(2, "a"), 1), (event(1, "b"), 2)])


def test_probabilities_follow_witten_and_bell():
    general = (5 + 2 * 0.25) / (6 + 2)
    assert COUNTS.probability(event(1, "unknown")) == pytest.approx((0 + general) / 1)
    assert COUNTS.probability(event(1, "a")) == pytest.approx((3 + 2 * general) / (4 + 2))
    nats = COUNTS.nats([(event(1, "a"), 2)])
    assert nats == pytest.approx(-2 * log((3 + 2 * general) / 6))


def test_probabilities_of_the_possible_values_sum_to_one():
    for context in ("a", "b", "unknown"):
        assert sum(COUNTS.probability(event(v, context)) for v in range(4)) == pytest.approx(1.0)
    later = [Event(value, 2, 0.5, ((), ("a",))) for value in (2, 3)]
    assert sum(map(COUNTS.probability, later)) == pytest.approx(1.0)
