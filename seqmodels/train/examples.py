"""Training, dev and test batches from three splits of examples."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seqmodels.data.augmentation import Augmentation
from seqmodels.data.batching import Batch, Batches, count_examples, example_axes, example_batches
from seqmodels.data.splits import Splits
from seqmodels.train.batch_leaves import batch_part, leaf_axes
from seqmodels.train.config import FitConfig
from seqmodels.train.experiment import Baseline, Data
from seqmodels.types import PyTree

EVALUATION_BATCH = 128


def example_data(
    fields: Splits,
    config: FitConfig,
    *,
    name: str,
    unit: str,
    metadata: dict[str, Any],
    baselines: Sequence[Baseline] = (),
    buckets: int = 3,
    augment: Augmentation | None = None,
) -> Data:
    """Return shuffled training batches, and dev and test batches in the order of the data.

    fields: for each split a dict of fields with one entry per example
    buckets: number of lengths to which sequences are padded; each of them is compiled
    augment: ``(batch, random) -> batch``, applied to training batches
    """
    train = example_batches(
        fields.train, config.batch_size, buckets=buckets, seed=config.seed, run=config.dispatch
    )
    dev, test = (
        example_batches(part, EVALUATION_BATCH, buckets=buckets)
        for part in (fields.dev, fields.test)
    )
    return Data(
        train=train if augment is None else augment_batches(train, augment, config.seed),
        dev=dev,
        test=test,
        name=name,
        sizes={split: count_examples(part) for split, part in fields._asdict().items()},
        unit=unit,
        metadata=metadata,
        baselines=baselines,
    )


def augment_batches(batches: Batches, augment: Augmentation, seed: int) -> Batches:
    """Apply ``augment`` to each batch, with a generator seeded by the seed and the step.

    A batch keeps its rows. The fields of a ``Batch`` may be changed in shape and type, added and
    removed; other batches keep their structure.
    """

    def augmented(step: int) -> PyTree:
        return augment(batches(step), np.random.default_rng([seed, 1, step]))

    first, axis = augmented(0), batches.batch_axis
    if isinstance(first, Batch) and axis is not None:
        axis = example_axes(first.fields)
    leaf_axes(axis, first)  # raises an error if they do not fit

    def at(step: int, part: slice) -> PyTree:
        return batch_part(augmented(step), axis, part)

    return replace(batches, at=at, batch_axis=axis)


def majority(fields: Splits) -> Baseline:
    """Return the accuracy of the most frequent class of the training split."""
    label = np.bincount(fields.train["label"]).argmax()
    dev, test = (float(np.mean(part["label"] == label)) for part in (fields.dev, fields.test))
    return Baseline("most frequent class", dev, test)
