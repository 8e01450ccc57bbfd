"""Records: one dict per trained chunk and per evaluation, each a line of metrics.jsonl."""

from typing import Any

import jax
import numpy as np

from seqmodels.train.state import ChunkOutput
from seqmodels.types import Metrics, Total

Record = dict[str, Any]


def add_totals(metrics: Metrics, totals: Metrics) -> Metrics:
    """Add totals of K steps, ``[K, ...]``, to running totals, in float64."""
    summed = {}
    for name, total in jax.device_get(metrics).items():
        old = totals.get(name, Total(0.0, 0.0))
        summed[name] = Total(
            old.sum + np.sum(total.sum, axis=0, dtype=np.float64),
            old.weight + np.sum(total.weight, axis=0, dtype=np.float64),
        )
    return totals | summed


def means(totals: Metrics) -> dict[str, Any]:
    """Return the mean of each total; nan if nothing was counted."""
    with np.errstate(invalid="ignore"):
        return {name: np.divide(total.sum, total.weight) for name, total in totals.items()}


def train_record(
    output: ChunkOutput, step: int, size: int, seconds: float, compile_seconds: float, unit: str
) -> Record:
    """Return the record of a chunk of ``size`` steps.

    unit: metric whose weight counts what ``per_second`` counts; steps if there is no such metric
    """
    totals = add_totals(output.metrics, {})
    count = totals[unit].weight if unit in totals else float(size)
    info = output.info
    return {
        "step": step,
        "split": "train",
        **means(totals),
        "loss": float(np.mean(info.loss)),
        "gradient_norm": float(np.mean(info.gradient_norm)),
        "clipped": float(np.mean(info.clipped)),
        "learning_rate": float(info.learning_rate[-1]),
        "per_second": count / seconds,
        "seconds": seconds,
        "compile_seconds": compile_seconds,
    }
