"""Class probabilities of a whole split, and the error measures that follow from them."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from seqmodels.models.classification.classifier import Classifier, class_probabilities
from seqmodels.types import Params


class Predictions(NamedTuple):
    """A classifier's predictions for one split, in the order of the data."""

    probabilities: Float[np.ndarray, "N V"]
    labels: Int[np.ndarray, "N"]

    @property
    def classes(self) -> Int[np.ndarray, "N"]:
        """The most likely class of each example."""
        return self.probabilities.argmax(axis=1)

    @property
    def is_wrong(self) -> Bool[np.ndarray, "N"]:
        """Whether the most likely class differs from the label."""
        return self.classes != self.labels

    @property
    def error(self) -> float:
        """Fraction of wrong predictions."""
        return float(self.is_wrong.mean())

    @property
    def macro_f1(self) -> float:
        """Unweighted mean of F1 over the classes that occur as labels.

        F1 = 2 correct / (labels + predictions), counted for one class
        """
        from sklearn.metrics import f1_score

        occurring = np.unique(self.labels)
        return float(
            f1_score(
                self.labels, self.classes, labels=occurring, average="macro", zero_division=0.0
            )
        )

    @property
    def majority_error(self) -> float:
        """Error of always predicting the most frequent label of this split."""
        return float(1.0 - np.bincount(self.labels).max() / len(self.labels))


def collect_predictions(model: Classifier, params: Params, batches: Any) -> Predictions:
    """Return the predictions for one epoch of ``data.batching.example_batches``."""
    labels: dict[int, int] = {}
    for step in range(batches.steps_per_epoch):
        batch = batches(step)
        labels |= zip(batch.rows.tolist(), batch.fields["label"].tolist(), strict=True)
    ordered = [labels[row] for row in sorted(labels.keys() - {-1})]
    return Predictions(class_probabilities(model, params, batches), np.array(ordered))


def one_against_rest(predictions: Predictions, label: int) -> Predictions:
    """Return binary predictions: class 1 is ``label``, class 0 all other labels.

    >>> predictions = Predictions(np.array([[0.4, 0.35, 0.25]]), np.array([0]))
    >>> predictions.error, one_against_rest(predictions, 0).error
    (0.0, 1.0)
    """
    probability = predictions.probabilities[:, label]
    label = range(predictions.probabilities.shape[1])[label]  # -1 is the last class
    is_label = (predictions.labels == label).astype(int)
    return Predictions(np.stack([1 - probability, probability], axis=1), is_label)


def area_under_roc(predictions: Predictions, label: int) -> float:
    """Return the area under the ROC curve of one class against the rest.

    This is the probability that an example of the class is ranked above one of another class.
    It is NaN if only one of the two kinds occurs.

    >>> probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7]])
    >>> area_under_roc(Predictions(probabilities, np.array([0, 1, 0])), 1)
    0.5
    """
    from sklearn.metrics import roc_auc_score

    binary = one_against_rest(predictions, label)
    if len(np.unique(binary.labels)) < 2:
        return float("nan")
    return float(roc_auc_score(binary.labels, binary.probabilities[:, 1]))
