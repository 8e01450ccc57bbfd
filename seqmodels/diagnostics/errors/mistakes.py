"""What kind of errors a classifier makes, and which are worth fixing first.

Ng (2018), "Machine learning yearning".
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from seqmodels.errors import UserError
from seqmodels.models.classification.classifier import Classifier, class_probabilities
from seqmodels.types import Params

COLUMNS = ("row", "example", "label", "answer", "probability", "cause")


class Answers(NamedTuple):
    """A model's answers to one split, in the order of the data."""

    probabilities: Float[np.ndarray, "N V"]
    labels: Int[np.ndarray, "N"]

    @property
    def wrong(self) -> Bool[np.ndarray, "N"]:
        """Where the likeliest class is not the label."""
        return self.probabilities.argmax(axis=1) != self.labels

    @property
    def error(self) -> float:
        """Share of wrong answers."""
        return float(self.wrong.mean())

    @property
    def macro_f1(self) -> float:
        """Mean over the labels' classes of F1, which a rare class moves as much as a common one.

        F1 = 2 right / (labels + answers) of the class
        """
        from sklearn.metrics import f1_score

        chosen, classes = self.probabilities.argmax(axis=1), np.unique(self.labels)
        return float(
            f1_score(self.labels, chosen, labels=classes, average="macro", zero_division=0.0)
        )

    @property
    def majority(self) -> float:
        """Error of always giving the commonest answer."""
        return float(1.0 - np.bincount(self.labels).max() / len(self.labels))


def answers(model: Classifier, params: Params, batches: Any) -> Answers:
    """The answers to every example of one epoch of ``data.batching.example_batches``."""
    labels: dict[int, int] = {}
    for step in range(batches.steps_per_epoch):
        batch = batches(step)
        labels |= zip(batch.rows.tolist(), batch.fields["label"].tolist(), strict=True)
    ordered = [labels[row] for row in sorted(labels.keys() - {-1})]
    return Answers(class_probabilities(model, params, batches), np.array(ordered))


def against_rest(given: Answers, column: int) -> Answers:
    """The answers to whether an example is of one class: no (0) or yes (1).

    >>> given = Answers(np.array([[0.4, 0.35, 0.25]]), np.array([0]))
    >>> given.error, against_rest(given, 0).error  # the two others together are likelier
    (0.0, 1.0)
    """
    chance = given.probabilities[:, column]
    wanted = range(given.probabilities.shape[1])[column]
    return Answers(np.stack([1 - chance, chance], axis=1), (given.labels == wanted).astype(int))


def area_under_roc(given: Answers, column: int) -> float:
    """How often an example of this class gets more of its probability than one of another.

    Not a number where all examples are of this class, or none.

    >>> given = Answers(np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7]]), np.array([0, 1, 0]))
    >>> area_under_roc(given, column=1)
    0.5
    """
    from sklearn.metrics import roc_auc_score

    one = against_rest(given, column)
    if len(np.unique(one.labels)) < 2:
        return float("nan")
    return float(roc_auc_score(one.labels, one.probabilities[:, 1]))


class Reading(NamedTuple):
    """Where the errors come from; each is a difference of two error rates.

    bias:     training - target: what the model cannot or did not learn
    variance: dev - training: what it learned of these examples alone
    mismatch: test - dev: what is different about the data that counts
    """

    bias: float
    variance: float
    mismatch: float

    def advice(self) -> str:
        """What to do about the largest of the three."""
        worst = max(self._fields, key=lambda name: getattr(self, name))
        return {
            "bias": "bias is the largest: train longer, or a larger model; regularise less",
            "variance": "variance is the largest: regularise more, or find more training data",
            "mismatch": "mismatch is the largest: make dev and training data more like the test",
        }[worst]


def read_errors(errors: Mapping[str, float], target: float = 0.0) -> Reading:
    """Bias, variance and mismatch from the error on train, dev and test.

    >>> read_errors({"train": 0.25, "dev": 0.5, "test": 0.5})
    Reading(bias=0.25, variance=0.25, mismatch=0.0)
    """
    train, dev, test = (errors[split] for split in ("train", "dev", "test"))
    return Reading(train - target, dev - train, test - dev)


def worst_mistakes(given: Answers, count: int) -> Int[np.ndarray, "M"]:
    """Rows of the wrong answers, those first that give the label the least probability."""
    rows = np.flatnonzero(given.wrong)
    return rows[np.argsort(given.probabilities[rows, given.labels[rows]], kind="stable")][:count]


def write_mistakes(
    path: Path, given: Answers, shown: Sequence[str], classes: Sequence[str], count: int
) -> None:
    """The worst mistakes as a table, with room for a person to write down each one's cause."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for row in worst_mistakes(given, count):
            label, answer = given.labels[row], given.probabilities[row].argmax()
            probability = f"{given.probabilities[row, label]:.4f}"
            table.writerow([row, shown[row], classes[label], classes[answer], probability, ""])


class Cause(NamedTuple):
    """How many labelled mistakes have this cause, and the error if none of its kind were left."""

    name: str
    mistakes: int
    ceiling: float


def read_causes(path: Path, error: float) -> list[Cause]:
    """The causes that a person wrote into a table of mistakes, the commonest first.

    If a share s of the labelled mistakes has a cause, fixing it takes the error to (1 - s) error
    at best.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError as problem:
        raise UserError(f"--causes {path}: {problem.strerror}; check the path") from None
    if rows and "cause" not in rows[0]:
        raise UserError(f"--causes {path} has no column 'cause': give the file that errors wrote")
    found = Counter(cause for row in rows if (cause := (row["cause"] or "").strip().lower()))
    if not found:
        raise UserError(f"--causes {path}: the column 'cause' is empty; fill it in first")
    total = found.total()
    return [Cause(name, n, error * (1.0 - n / total)) for name, n in found.most_common()]
