"""Choice of a model within constraints."""

import pytest

from seqmodels.diagnostics.errors.constraints import Candidate, Constraint, best_candidate
from seqmodels.train.config import Metric

CANDIDATES = [
    Candidate("large", 0.95, {"params": 1e7, "latency_ms": 9.0}),
    Candidate("small", 0.90, {"params": 1e5, "latency_ms": 1.0}),
    Candidate("slow", 0.93, {"params": 1e4, "latency_ms": 20.0}),
]
SMALL, FAST = Constraint("params", True, 1e6), Constraint("latency_ms", True, 5.0)
LARGE = Constraint("params", False, 1e6)


@pytest.mark.parametrize(
    ("constraints", "name"),
    [((), "large"), ((SMALL,), "slow"), ((SMALL, FAST), "small"), ((LARGE, FAST), None)],
)
def test_the_best_candidate_meets_every_constraint(constraints, name):
    found = best_candidate(CANDIDATES, Metric("accuracy", False), constraints)
    assert (found.name if found else None) == name
