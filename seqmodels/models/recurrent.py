"""The usual stack of recurrent layers, and a classifier over it, from names and numbers."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from seqmodels.cells.registry import cell_named
from seqmodels.errors import UserError
from seqmodels.models.classification.classifier import Classifier, classifier
from seqmodels.models.classification.config import ClassifierConfig
from seqmodels.noise import Rate, dropout
from seqmodels.types import Cell
from seqmodels.wrap import bidirectional, stack


def recurrent_layers(
    cell: str,
    inputs: int,
    hidden: int,
    layers: int = 1,
    *,
    both_ways: bool = False,
    drop: Rate | None = None,
    measured: bool = False,
) -> Cell:
    """Layers of ``CELLS[cell]``, each with ``hidden`` units in each direction.

    drop: rate of the variational dropout on what goes into each layer.
    measured: the first layer's inputs are measurements, which are never dropped: what dropout
        keeps it scales up, and a redshift or a flux that is scaled means something else.
    """
    make = cell_named(cell)
    if layers < 1:
        raise UserError("--layers must be 1 or more")
    ways = 2 if both_ways else 1
    sizes = [inputs] + [hidden * ways] * layers
    cells = []
    for number, (width, outputs) in enumerate(pairwise(sizes)):
        one = make(width, outputs // ways)
        rate = None if measured and number == 0 else drop
        cells.append(dropout(bidirectional(one) if both_ways else one, inputs=rate))
    return stack(*cells)


def recurrent_classifier(
    config: ClassifierConfig,
    hyper: Mapping[str, Any],
    inputs: int,
    classes: int,
    measured: bool = False,
    **options: Any,
) -> Classifier:
    """The classifier that a config asks for; ``options`` are ``classifier``'s other ones."""
    rate = hyper.get("dropout", 0.0)
    cell = recurrent_layers(
        config.cell,
        inputs,
        config.hidden,
        config.layers,
        both_ways=config.bidirectional,
        drop=rate,
        measured=measured,
    )
    settings = {"pool": config.pool, "hidden": config.head, "dropout": rate}
    return classifier(cell, classes, **settings, **options)
