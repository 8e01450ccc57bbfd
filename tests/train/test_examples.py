"""Training, dev and test batches from three splits of examples."""

import numpy as np
import pytest

from seqmodels.data.ragged import Padded, ragged
from seqmodels.data.splits import Splits
from seqmodels.train.config import FitConfig
from seqmodels.train.examples import example_data, majority
from seqmodels.train.experiment import Baseline


def fields(labels, first=1):
    sequences = [np.full(first + n % 7, n, np.int32) for n in range(len(labels))]
    return {"x": ragged(sequences), "label": np.array(labels, np.int32)}


SPLITS = Splits(fields([0, 1, 1, 2] * 5), fields([1, 0, 1]), fields([2, 2]))


def make_data(augment=None, seed=0):
    return example_data(
        SPLITS,
        FitConfig(batch_size=4, seed=seed, dispatch=1),
        name="generated",
        unit="rows",
        baseline=Baseline(0.5, "zero"),
        metadata={},
        buckets=2,
        augment=augment,
    )


def rows(batches, steps):
    return [int(row) for step in steps for row in batches(step).rows if row >= 0]


def test_training_is_shuffled_by_the_seed_and_dev_is_in_order():
    first, again, other = make_data(), make_data(), make_data(seed=1)
    epoch = range(first.train.steps_per_epoch)
    assert sorted(rows(first.train, epoch)) == list(range(20))
    assert rows(first.train, epoch) == rows(again.train, epoch) != rows(other.train, epoch)
    assert rows(first.dev, range(first.dev.steps_per_epoch)) == [0, 1, 2]
    assert first.sizes == {"train": 20, "dev": 3, "test": 2}
    shapes = {first.train(step).fields["x"].values.shape for step in epoch}
    assert len(shapes) <= 2


def test_only_training_is_augmented_and_each_step_always_in_the_same_way():
    def add_noise(batch, random):
        x = batch.fields["x"]
        values = x.values + random.integers(1, 10**6, x.values.shape, dtype=np.int32)
        return batch._replace(fields=batch.fields | {"x": Padded(values, x.mask)})

    noisy, again, plain = make_data(add_noise), make_data(add_noise), make_data()

    def values(batches, step):
        return batches(step).fields["x"].values

    np.testing.assert_array_equal(values(noisy.train, 3), values(again.train, 3))
    assert (values(noisy.train, 3) != values(plain.train, 3)).all()
    np.testing.assert_array_equal(values(noisy.dev, 0), values(plain.dev, 0))


def test_the_most_frequent_class_is_that_of_the_training_split():
    found = majority(SPLITS)
    assert found.value == pytest.approx(2 / 3)  # class 1 is the most frequent: 2 of 3 in dev
    assert found.name == "most frequent class"
