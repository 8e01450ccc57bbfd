"""The recurrent classifier of a ``ClassifierConfig``."""

from collections.abc import Mapping
from typing import Any

from seqmodels.models.classification.classifier import Classifier, classifier
from seqmodels.models.classification.config import ClassifierConfig
from seqmodels.models.recurrent import recurrent_layers


def recurrent_classifier(
    config: ClassifierConfig,
    rates: Mapping[str, Any],
    inputs: int,
    classes: int,
    *,
    keep_inputs: bool = False,
    **options: Any,
) -> Classifier:
    """Return recurrent layers, pooling and a perceptron; ``options`` are those of ``classifier``.

    rates: may hold ``dropout``, which is zero otherwise
    """
    rate = rates.get("dropout", 0.0)
    cell = recurrent_layers(
        config.cell,
        inputs,
        config.hidden,
        config.layers,
        both_ways=config.bidirectional,
        drop=rate,
        keep_inputs=keep_inputs,
    )
    settings = {"pool": config.pool, "hidden": config.head, "dropout": rate}
    return classifier(cell, classes, **settings, **options)
