"""Probabilities from counts, interpolated over contexts from the general to the specific."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from math import log
from typing import NamedTuple


class Event(NamedTuple):
    """A value, and what precedes it.

    lowest:   the smallest value that is possible here
    uniform:  the probability of each value if all possible ones are alike
    contexts: from the general to the specific
    """

    value: int
    lowest: int
    uniform: float
    contexts: tuple[tuple, ...]


class ContextCounts(NamedTuple):
    """How often each value was counted in each context.

    A context c is interpolated with the one before it (Witten and Bell, 1991):

        p_c(i) = (n_c(i) + t_c p_{c-1}(i)) / (n_c + t_c),    t_c different values were counted in c
    """

    counts: Mapping[tuple, Counter[int]]

    def probability(self, event: Event) -> float:
        """Return the interpolated probability of the event's value."""
        p = event.uniform
        for context in enumerate(event.contexts):
            counts = self.counts.get(context) or Counter()
            possible = {value: n for value, n in counts.items() if value >= event.lowest}
            types = max(len(possible), 1)
            p = (possible.get(event.value, 0) + types * p) / (sum(possible.values()) + types)
        return p

    def nats(self, events: Iterable[tuple[Event, int]]) -> float:
        """Return the sum of the nats of all events, each of which occurs this often."""
        return -sum(number * log(self.probability(event)) for event, number in events)


def count_contexts(events: Iterable[tuple[Event, int]]) -> ContextCounts:
    """Count events, each of which occurs this often."""
    counts: dict[tuple, Counter[int]] = defaultdict(Counter)
    for event, number in events:
        for context in enumerate(event.contexts):
            counts[context][event.value] += number
    return ContextCounts(dict(counts))
