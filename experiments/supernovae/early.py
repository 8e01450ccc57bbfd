"""Scores of a classifier on light curves that end a number of days after their detection."""

from typing import Any, NamedTuple

from experiments.supernovae.augment import end_after_detection
from seqmodels.data.augmentation import sequence_augmentation
from seqmodels.diagnostics.errors.predictions import (
    area_under_roc,
    collect_predictions,
    one_against_rest,
)
from seqmodels.errors import UserError
from seqmodels.models.classification.classifier import Classifier
from seqmodels.train.examples import augment_batches
from seqmodels.types import Params


class EarlyScores(NamedTuple):
    """Scores of all types, and of type Ia, the last class, against the rest."""

    accuracy: float
    accuracy_of_ia: float
    area_under_roc: float


def early_scores(model: Classifier, params: Params, batches: Any, days: float) -> EarlyScores:
    """Score curves that end this number of days after their detection."""
    if not days >= 0:
        raise UserError(f"--days must be 0 or more, not {days}")
    truncated = augment_batches(batches, sequence_augmentation(end_after_detection(days)), 0)
    predictions = collect_predictions(model, params, truncated)
    return EarlyScores(
        1 - predictions.error,
        1 - one_against_rest(predictions, -1).error,
        area_under_roc(predictions, -1),
    )
