"""Choice of a model by one metric, among those whose costs meet constraints."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from seqmodels.data.batching import Batch, example_axes
from seqmodels.train.batch_leaves import batch_part
from seqmodels.train.config import Metric
from seqmodels.types import Params, Task

COSTS = ("params", "latency_ms")


class Constraint(NamedTuple):
    """A bound on a cost: ``name <= bound`` or ``name >= bound``."""

    name: str
    is_upper: bool
    bound: float

    def is_met(self, costs: dict[str, float]) -> bool:
        """Return whether the costs meet the constraint."""
        value = costs[self.name]
        return value <= self.bound if self.is_upper else value >= self.bound


class Candidate(NamedTuple):
    """A trained model's value of the headline metric, and its costs."""

    name: str
    value: float
    costs: dict[str, float]

    def meets(self, constraints: Iterable[Constraint]) -> bool:
        """Return whether the model meets all constraints."""
        return all(constraint.is_met(self.costs) for constraint in constraints)


def best_candidate(
    candidates: Iterable[Candidate], metric: Metric, constraints: Sequence[Constraint]
) -> Candidate | None:
    """Return the best of the candidates that meet every constraint, or None."""
    admissible = [candidate for candidate in candidates if candidate.meets(constraints)]
    return min(admissible, key=lambda one: metric.signed(one.value), default=None)


def model_costs(
    task: Task, params: Params, rates: dict[str, Any], batch: Batch, repeats: int = 20
) -> dict[str, float]:
    """Return the number of parameters, and the median time to evaluate one example."""
    example = batch_part(batch, example_axes(batch.fields), slice(1))
    measure = jax.jit(task.measure)
    arguments = params, rates, task.memory(params, example), example
    jax.block_until_ready(measure(*arguments))  # compiles
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(measure(*arguments))
        seconds.append(time.perf_counter() - begin)
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    return {"params": float(count), "latency_ms": 1e3 * float(np.median(seconds))}
