"""``Data`` from three splits of examples that each have an answer of their own."""

from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from seqmodels.data.augmentation import Augment
from seqmodels.data.batching import Batch, Batches, batch_part, example_batches
from seqmodels.data.splits import Splits
from seqmodels.train.experiment import Baseline, Data

EVALUATION_BATCH = 128


@runtime_checkable
class Order(Protocol):
    """What a config says of the order of training."""

    @property
    def batch_size(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def dispatch(self) -> int: ...


def example_data(
    fields: Splits,
    config: Order,
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
    train = example_batches(
        fields.train, config.batch_size, buckets=buckets, seed=config.seed, run=config.dispatch
    )
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

    def at(step: int, part: slice) -> Batch:
        changed = augment(batches(step), np.random.default_rng([seed, 1, step]))
        return batch_part(changed, part)

    return replace(batches, at=at)


def majority(fields: Splits) -> Baseline:
    """How often the commonest class of the training part is right on dev."""
    train, dev = fields.train["label"], fields.dev["label"]
    return Baseline(float(np.mean(dev == np.bincount(train).argmax())), "the commonest class")
