"""Outcomes of runs: solved or not solved."""

from collections.abc import Iterable
from math import isnan
from typing import Any, NamedTuple

from experiments.long_memory.memory_problems import PROBLEMS
from seqmodels.train.runs.run_directory import RunDirectory

SOLVED_BELOW = 0.1  # as a fraction of the baseline's error
NETWORK_NAMES = {"rnn": "tanh", "irnn": "identity"}


class Outcome(NamedTuple):
    """The best dev error of a run, as a fraction of the baseline's; nan without an evaluation."""

    name: str
    length: int
    error: float


def outcome(directory: RunDirectory, config: Any) -> Outcome:
    """Return the outcome of a run, named after its network."""
    name = NETWORK_NAMES.get(config.cell, config.cell)
    if config.chrono:
        name += ", chrono"
    if config.training.optimizer.clip_norm >= 1e3:
        name += ", not clipped"
    errors = [record["error"] for record in directory.records() if record["split"] == "dev"]
    baseline = PROBLEMS[config.task].baseline(config.length)
    return Outcome(name, config.length, min(errors, default=float("nan")) / baseline)


def verdict(error: float) -> str:
    """Return whether an error, as a fraction of the baseline's, counts as solved."""
    return "solved" if error <= SOLVED_BELOW else "not solved"


def best_outcomes(outcomes: Iterable[Outcome]) -> dict[tuple[str, int], float]:
    """Return the smallest error of each name at each length, sorted."""
    best: dict[tuple[str, int], float] = {}
    for name, length, error in outcomes:
        if not isnan(error):
            best[name, length] = min(error, best.get((name, length), error))
    return dict(sorted(best.items()))
