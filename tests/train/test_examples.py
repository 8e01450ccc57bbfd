from typing import NamedTuple

import numpy as np
import pytest

from seqmodels.data.ragged import Padded, ragged
from seqmodels.data.splits import Splits
from seqmodels.train.examples import example_data, majority
from seqmodels.train.experiment import Baseline


class Order(NamedTuple):
    batch_size: int = 4
    seed: int = 0
    dispatch: int = 1


def part(labels, first=1):
    sequences = [np.full(first + n % 7, n, np.int32) for n in range(len(labels))]
    return {"x": ragged(sequences), "label": np.array(labels, np.int32)}


PARTS = Splits(part([0, 1, 1, 2] * 5), part([1, 0, 1]), part([2, 2]))


def data(augment=None, **order):
    settings = {"name": "made up", "unit": "rows", "baseline": Baseline(0.5, "zero"), "extras": {}}
    return example_data(PARTS, Order(**order), buckets=2, augment=augment, **settings)


def rows(batches, steps):
    return [int(row) for step in steps for row in batches(step).rows if row >= 0]


def test_training_is_shuffled_by_the_seed_and_the_others_come_in_order():
    first, again, other = data(), data(), data(seed=1)
    epoch = range(first.train.steps_per_epoch)
    assert sorted(rows(first.train, epoch)) == list(range(20))
    assert rows(first.train, epoch) == rows(again.train, epoch) != rows(other.train, epoch)
    assert rows(first.dev, range(first.dev.steps_per_epoch)) == [0, 1, 2]
    assert first.sizes == {"train": 20, "dev": 3, "test": 2}
    shapes = {first.train(step).fields["x"].values.shape for step in epoch}
    assert len(shapes) <= 2


def test_only_training_is_augmented_and_a_step_always_the_same_way():
    def louder(batch, random):
        x = batch.fields["x"]
        values = x.values + random.integers(1, 10**6, x.values.shape, dtype=np.int32)
        return batch._replace(fields=batch.fields | {"x": Padded(values, x.mask)})

    made, again, plain = data(louder), data(louder), data()

    def values(batches, step):
        return batches(step).fields["x"].values

    np.testing.assert_array_equal(values(made.train, 3), values(again.train, 3))
    assert (values(made.train, 3) != values(plain.train, 3)).all()
    np.testing.assert_array_equal(values(made.dev, 0), values(plain.dev, 0))


def test_the_commonest_class_is_that_of_the_training_part():
    found = majority(PARTS)
    assert found.value == pytest.approx(2 / 3)  # 1 is the commonest, of dev two in three
    assert found.name == "the commonest class"
