"""Tables of the worst mistakes, in which a person labels their causes."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from seqmodels.diagnostics.errors.predictions import Predictions
from seqmodels.errors import UserError

HEADER = ("row", "example", "label", "answer", "probability", "cause")


class Cause(NamedTuple):
    """A cause of mistakes, and the error that would remain without these mistakes."""

    name: str
    mistakes: int
    remaining_error: float


def worst_mistakes(predictions: Predictions, count: int) -> Int[np.ndarray, "M"]:
    """Return the rows of the wrong predictions, lowest probability of the label first."""
    rows = np.flatnonzero(predictions.is_wrong)
    probability = predictions.probabilities[rows, predictions.labels[rows]]
    return rows[np.argsort(probability, kind="stable")][:count]


def write_mistakes(
    path: Path,
    predictions: Predictions,
    examples: Sequence[str],
    classes: Sequence[str],
    count: int,
) -> None:
    """Write the worst mistakes to a CSV file whose last column, ``cause``, is empty.

    examples: the texts that identify the examples, or an empty sequence
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(HEADER)
        for row in worst_mistakes(predictions, count):
            label, answer = predictions.labels[row], predictions.classes[row]
            probability = f"{predictions.probabilities[row, label]:.4f}"
            example = examples[row] if examples else ""
            table.writerow([row, example, classes[label], classes[answer], probability, ""])


def read_causes(path: Path, error: float) -> list[Cause]:
    """Return the causes in a completed table of mistakes, most frequent first.

    If a fraction s of the labeled mistakes has a cause, fixing it reduces ``error`` to
    (1 - s) error at best.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError as problem:
        raise UserError(f"{path}: {problem.strerror}; check the path") from None
    if rows and "cause" not in rows[0]:
        raise UserError(f"{path} has no column 'cause'; give the file that errors wrote")
    found = Counter(cause for row in rows if (cause := (row["cause"] or "").strip().lower()))
    if not found:
        raise UserError(f"{path}: the column 'cause' is empty; complete it first")
    total = found.total()
    return [Cause(name, n, error * (1.0 - n / total)) for name, n in found.most_common()]
