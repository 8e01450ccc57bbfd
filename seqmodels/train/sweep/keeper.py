"""The best states of a sweep, while it runs."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqmodels.train.config import Metric
from seqmodels.train.records import Record
from seqmodels.train.state import TrainState


class Best(NamedTuple):
    """A member at an evaluation that is the best one so far."""

    member: int
    config: Any
    state: TrainState
    value: float  # of the headline metric, negated if necessary so that lower is better


class Keeper:
    """Passes on each new best state, of all members or also of each of them.

    best:   called with a member that is better than all before it
    member: called with a member that is better than itself before; None if that is not wanted
    """

    def __init__(
        self,
        best: Callable[[Best], None] = lambda best: None,
        member: Callable[[Best], None] | None = None,
    ):
        self.keep_best, self.keep_member = best, member
        self.best: Best | None = None
        self.value = np.inf
        self.values: dict[int, float] = {}

    def __call__(self, number: int, value: float, make: Callable[[], Best]) -> None:
        """Pass on a member's new state, which ``make`` copies, if it is good enough."""
        is_best = value < self.value
        is_own_best = self.keep_member is not None and value < self.values.get(number, np.inf)
        if not (is_best or is_own_best):
            return
        state = make()
        if is_own_best and self.keep_member is not None:
            self.values[number] = value
            self.keep_member(state)
        if is_best:
            self.best, self.value = state, value
            self.keep_best(state)

    def read(self, records: Sequence[Record], metric: Metric) -> None:
        """Restore the best values from the records of an interrupted sweep."""
        for record in records:
            if record["split"] == "dev" and np.isfinite(record[metric.name]):
                value, number = metric.signed(record[metric.name]), record["member"]
                self.value = min(self.value, value)
                self.values[number] = min(self.values.get(number, np.inf), value)
