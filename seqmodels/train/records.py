"""Records: one dict for every chunk trained and every evaluation, a line of metrics.jsonl each."""

from typing import Any

import jax
import numpy as np

Record = dict[str, Any]
Sums = dict[str, tuple[Any, Any]]  # numbers, or one for each member of a population


def totals(metrics: dict[str, Any], sums: Sums) -> Sums:
    """Add the pairs ``(totals [K, ...], counts [K, ...])`` to the sums, in float64."""
    metrics = jax.device_get(metrics)
    sums = dict(sums)
    for name, (total, count) in metrics.items():
        old_total, old_count = sums.get(name, (0.0, 0.0))
        sums[name] = (
            old_total + np.sum(total, axis=0, dtype=np.float64),
            old_count + np.sum(count, axis=0, dtype=np.float64),
        )
    return sums


def means(sums: Sums) -> dict[str, Any]:
    """Total by count, ``nan`` where nothing was counted."""
    with np.errstate(invalid="ignore"):
        return {name: np.divide(total, count) for name, (total, count) in sums.items()}


def train_record(
    metrics: dict[str, Any], step: int, size: int, seconds: float, compile: float, counted: str
) -> Record:
    """What one chunk of ``size`` steps tells; ``per_second`` counts what ``counted`` counts."""
    pairs = totals({name: pair for name, pair in metrics.items() if isinstance(pair, tuple)}, {})
    count = pairs[counted][1] if counted in pairs else float(size)
    return {
        "step": step,
        "split": "train",
        **means(pairs),
        **{name: float(np.mean(metrics[name])) for name in ("loss", "gradient_norm", "clipped")},
        "learning_rate": float(metrics["learning_rate"][-1]),
        "per_second": count / seconds,
        "seconds": seconds,
        "compile_seconds": compile,
    }
