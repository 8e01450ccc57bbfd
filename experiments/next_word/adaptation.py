"""Comparison of ways to adapt a language model to the text that it is evaluated on."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import jax.numpy as jnp

from seqmodels.models.language.cache import cache_task
from seqmodels.models.language.dynamic_evaluation import dynamic_task
from seqmodels.models.language.language_model import LanguageModel
from seqmodels.train.evaluator import Evaluator
from seqmodels.types import Params, Task


class Adaptation(NamedTuple):
    """A method of adaptation: a task, and the names of its hyperparameters."""

    task: Task
    rates: tuple[str, ...]


class AdaptationResult(NamedTuple):
    """The hyperparameters that are best on dev, and the cross-entropy of each text with them."""

    name: str
    rates: dict[str, float]
    nats: list[float]


def adaptations(
    task: Task, model: LanguageModel, squares: Params, size: int
) -> dict[str, Adaptation]:
    """Return the ways to adapt; ``both`` uses the best hyperparameters of the two before it.

    squares: see ``gradient_squares``
    size:    number of words in the cache
    """
    cached = cache_task(task, model, size)
    return {
        "none": Adaptation(task, ()),
        "cache": Adaptation(cached, ("cache_weight", "cache_focus")),
        "dynamic": Adaptation(dynamic_task(task, squares), ("dynamic_rate", "dynamic_decay")),
        "both": Adaptation(dynamic_task(cached, squares), ()),
    }


def compare_adaptations(
    ways: Mapping[str, Adaptation],
    params: Params,
    grid: Mapping[str, tuple[float, ...]],
    texts: Sequence[Any],
) -> Iterator[AdaptationResult]:
    """Choose the hyperparameters of each way on the first text, and evaluate it on all texts."""
    chosen: dict[str, float] = {}
    for name, (task, names) in ways.items():
        measure = Evaluator(task)

        def nats(values: dict[str, float], text: Any, measure: Evaluator = measure) -> float:
            rates = {key: jnp.float32(value) for key, value in values.items()}
            return float(measure(params, rates, text)["nats"])

        points = product(*(grid[name] for name in names))
        candidates = [chosen | dict(zip(names, point, strict=True)) for point in points]
        costs = [nats(candidate, texts[0]) for candidate in candidates]
        chosen = candidates[costs.index(min(costs))]
        others = [nats(chosen, text) for text in texts[1:]]
        yield AdaptationResult(name, {each: chosen[each] for each in names}, [min(costs), *others])
