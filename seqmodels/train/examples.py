"""``Data`` from three splits of examples that each have an answer of their own."""

from typing import Any

import numpy as np

from seqmodels.data.augmentation import Augment
from seqmodels.data.batching import Batch, Batches, example_batches
from seqmodels.data.splits import Splits
from seqmodels.train.config import FitConfig
from seqmodels.train.experiment import Baseline, Data

EVALUATION_BATCH = 128


def example_data(
    fields: Splits,
    config: FitConfig,
    *,
    name: str,
    unit: str,
    baseline: Baseline,
    extras: dict[str, Any],
    buckets: int = 3,
    augment: Augment | None = None,
) -> Data:
    """Shuffled batches to train on, of ``config.batch_size``; dev and test in their order.

    Each part of ``fields`` is a dict with an entry per example in every field, among them
    ``label``.  ``buckets`` is the number of lengths that sequences are padded to: few, for each
    has to be compiled.  ``augment(batch, random)`` changes the batches of training.
    """
    size, order = config.batch_size, {"seed": config.seed, "run": config.dispatch}
    train = example_batches(fields.train, size, buckets=buckets, **order)
    dev, test = (
        example_batches(part, EVALUATION_BATCH, buckets=buckets)
        for part in (fields.dev, fields.test)
    )
    return Data(
        train=train if augment is None else augmented(train, augment, config.seed),
        dev=dev,
        test=test,
        name=name,
        sizes={split: len(part["label"]) for split, part in fields._asdict().items()},
        unit=unit,
        baseline=baseline,
        extras=extras,
    )


def augmented(batches: Batches, augment: Augment, seed: int) -> Batches:
    """Each batch changed, by random numbers that depend on the seed and the step alone."""

    def at(step: int) -> Batch:
        return augment(batches(step), np.random.default_rng([seed, 1, step]))

    return Batches(at, batches.steps_per_epoch)


def majority(fields: Splits) -> Baseline:
    """How often the commonest class of the training part is right on dev."""
    train, dev = fields.train["label"], fields.dev["label"]
    return Baseline(float(np.mean(dev == np.bincount(train).argmax())), "the commonest class")
