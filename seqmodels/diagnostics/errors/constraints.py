"""One metric to optimise, and any number of constraints that only have to be met."""

import re
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from seqmodels.data.batching import Batch, batch_part
from seqmodels.errors import UserError
from seqmodels.train.config import Metric

COSTS = ("params", "latency_ms")


class Constraint(NamedTuple):
    """A bound on what a model may cost: ``name <= bound`` or ``name >= bound``."""

    name: str
    upper: bool
    bound: float

    def met(self, costs: dict[str, float]) -> bool:
        value = costs[self.name]
        return value <= self.bound if self.upper else value >= self.bound


class Candidate(NamedTuple):
    """A trained model: its value of the headline metric, and what it costs."""

    name: str
    value: float
    costs: dict[str, float]


def read_constraint(text: str) -> Constraint:
    """The constraint that a text such as "params<=1e6" means.

    >>> read_constraint("latency_ms <= 5")
    Constraint(name='latency_ms', upper=True, bound=5.0)
    """
    found = re.fullmatch(r"\s*(\w+)\s*(<=|>=)\s*([\d.eE+-]+)\s*", text)
    try:
        name, relation, bound = found.groups() if found else ("", "", "")
        value = float(bound)
    except ValueError:
        name, relation, value = "", "", 0.0
    if name not in COSTS:
        raise UserError(
            f'--constraint "{text}" is not understood: write one of {", ".join(COSTS)}, '
            '<= or >=, and a number, as in "params<=1e6"'
        )
    return Constraint(name, relation == "<=", value)


def best(
    candidates: Iterable[Candidate], metric: Metric, constraints: Sequence[Constraint]
) -> Candidate | None:
    """The candidate with the best value among those that meet every constraint."""
    left = [c for c in candidates if all(limit.met(c.costs) for limit in constraints)]
    return min(left, key=lambda c: metric.signed(c.value), default=None)


def costs(run: Any, batch: Batch, repeats: int = 20) -> dict[str, float]:
    """Parameters of a run's model, and the median time that one example takes."""
    one = batch_part(batch, slice(1))
    measure = jax.jit(run.task.measure)
    arguments = run.params, run.hyper, run.task.memory(run.params, one), one
    jax.block_until_ready(measure(*arguments))
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(measure(*arguments))
        times.append(time.perf_counter() - begin)
    sizes = [leaf.size for leaf in jax.tree.leaves(run.params)]
    return {"params": float(sum(sizes)), "latency_ms": 1e3 * float(np.median(times))}
