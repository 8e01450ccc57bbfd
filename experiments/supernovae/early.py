"""How good the answers to light curves are so many days after the first detection."""

from typing import Any, NamedTuple

from experiments.supernovae.augment import first_days
from seqmodels.data.augmentation import changes
from seqmodels.diagnostics.errors.mistakes import against_rest, answers, area_under_roc
from seqmodels.errors import UserError
from seqmodels.models.classification.classifier import Classifier
from seqmodels.train.examples import augmented
from seqmodels.types import Params


class Scores(NamedTuple):
    """Of a classifier whose last class matters most."""

    accuracy: float
    last: float  # accuracy of the last class against the rest
    area: float  # under the ROC curve of the last class


def early_scores(model: Classifier, params: Params, batches: Any, days: float) -> Scores:
    """Scores on curves that end so many days after the first detection."""
    if not days >= 0:
        raise UserError(f"--days {days} must be 0 or more")
    found = answers(model, params, augmented(batches, changes(first_days(days)), 0))
    return Scores(1 - found.error, 1 - against_rest(found, -1).error, area_under_roc(found, -1))
