"""Records: one dict per trained chunk and per evaluation, each a line of metrics.jsonl.

Values are numbers, text, or lists of numbers (metrics that are vectors).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from seqmodels.train.state import ChunkOutput
from seqmodels.types import Task, Total

Record = dict[str, Any]


def add_totals(new: Mapping[str, Total], totals: Mapping[str, Total]) -> dict[str, Total]:
    """Add totals of K steps on the host, ``[K, ...]``, to running totals, in float64."""
    summed = {}
    for name, total in new.items():
        old = totals.get(name, Total(0.0, 0.0))
        summed[name] = Total(
            old.sum + np.sum(total.sum, axis=0, dtype=np.float64),
            old.weight + np.sum(total.weight, axis=0, dtype=np.float64),
        )
    return {**totals, **summed}


def means(totals: Mapping[str, Total]) -> dict[str, Any]:
    """Return the mean of each total, a number or an array; nan where nothing was counted."""
    with np.errstate(invalid="ignore"):
        return {name: np.divide(total.sum, total.weight) for name, total in totals.items()}


def derived_metrics(task: Task, found: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics that follow from the means; not finite where the means are too large."""
    with np.errstate(all="ignore"):
        return task.derive(found)


def plain(metrics: Mapping[str, Any]) -> Record:
    """Return the metrics as floats and lists of floats, which JSON can hold."""
    return {name: np.asarray(value, np.float64).tolist() for name, value in metrics.items()}


class ChunkSpan(NamedTuple):
    """The ``size`` steps up to ``step``, and how long they took."""

    step: int
    size: int
    seconds: float
    compile_seconds: float  # of the whole run until now


def train_record(task: Task, output: ChunkOutput, span: ChunkSpan) -> Record:
    """Return the record of a chunk.

    Derived metrics are left out if they need a metric that only ``measure`` returns.
    """
    found, info = means(add_totals(output.metrics, {})), output.info
    try:
        derived = derived_metrics(task, found)
    except KeyError:
        derived = {}
    return {
        "step": span.step,
        "split": "train",
        **plain(found | derived),
        "loss": float(np.mean(info.loss)),
        "gradient_norm": float(np.mean(info.gradient_norm)),
        "clipped": float(np.mean(info.clipped)),
        "learning_rate": float(info.learning_rate[-1]),
        "steps_per_second": span.size / span.seconds,
        "seconds": span.seconds,
        "compile_seconds": span.compile_seconds,
    }
