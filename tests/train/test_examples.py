"""Training, dev and test batches from three splits of examples."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.data.augmentation import row_augmentation
from seqmodels.data.ragged import Padded, ragged
from seqmodels.data.splits import Splits
from seqmodels.data.streams import Window, training_windows
from seqmodels.errors import UserError
from seqmodels.losses.classification import masked_sum
from seqmodels.train.config import FitConfig
from seqmodels.train.examples import augment_batches, example_data, majority
from seqmodels.train.experiment import Baseline
from seqmodels.train.fit import fit
from seqmodels.types import Task


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
        metadata={},
        baselines=[Baseline("zero", 0.5)],
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
    # Class 1: 2 of 3 in dev, and none in test, where class 2 is the most frequent.
    assert majority(SPLITS) == Baseline("most frequent class", pytest.approx(2 / 3), 0.0)


def test_examples_need_no_label_and_ragged_labels_are_counted():
    def part(count):
        tags = np.arange(count * 6).reshape(count, 6) % 3
        return {"x": ragged([np.ones((n % 4 + 1, 2)) for n in range(count)]), "tag": ragged(tags)}

    data = example_data(
        Splits(part(12), part(5), part(3)),
        FitConfig(batch_size=4),
        name="generated",
        unit="rows",
        baselines=[Baseline("zero", 0.5)],
        metadata={},
    )
    assert data.sizes == {"train": 12, "dev": 5, "test": 3}
    batch = data.dev(0)
    np.testing.assert_array_equal(batch.fields["tag"].values[:, 1], [0, 1, 2] * 2)
    assert batch.fields["tag"].mask[:, batch.rows >= 0].all()


def test_an_augmentation_may_change_any_field():
    def augment(batch, random):
        x = batch.fields["x"]
        longer = Padded(np.concatenate([x.values] * 2), np.concatenate([x.mask] * 2))
        return batch._replace(
            fields={"double": longer, "speed": random.normal(size=len(batch.rows))}
        )

    data = make_data(augment)
    assert data.train.batch_axis.fields == {"double": 1, "speed": 0}
    assert data.dev.batch_axis.fields == {"x": 1, "label": 0}
    whole, part = data.train(2), data.train(2, slice(1, 3))
    np.testing.assert_array_equal(
        part.fields["double"].values, whole.fields["double"].values[:, 1:3]
    )
    np.testing.assert_array_equal(part.fields["speed"], whole.fields["speed"][1:3])


def test_windows_are_augmented_and_keep_their_structure():
    windows = training_windows(np.arange(60.0), 4, 3)
    scaled = augment_batches(windows, lambda w, random: w._replace(inputs=2 * w.inputs), seed=0)
    np.testing.assert_array_equal(scaled(1).inputs, 2 * windows(1).inputs)
    np.testing.assert_array_equal(scaled(1, slice(2)).targets, windows(1, slice(2)).targets)
    with pytest.raises(UserError, match="batch_axis"):
        augment_batches(
            dataclasses.replace(windows, batch_axis=Window(1, 1, 1, 1)),
            lambda window, random: {"x": window.inputs},
            seed=0,
        )


def test_a_recorded_transposition_trains_alike_on_one_and_several_devices(only):
    def shift(x, interval):
        return Padded(np.where(x.mask, x.values + interval, x.values), x.mask)

    augment = row_augmentation(
        lambda random, rows: random.integers(-6, 7, rows, np.int32), {"x": shift}, "interval"
    )

    def loss(params, rates, memory, batch, key):
        x, mask = batch.fields["x"]
        interval = batch.fields["interval"].astype(jnp.float32)
        notes = jnp.where(mask, x, 0).astype(jnp.float32).mean(axis=0)
        squares = jnp.square(notes * params - interval) * batch.weight
        return jnp.mean(squares), (memory, {"error": masked_sum(squares)})

    task = Task(lambda key: jnp.ones(()), loss, None)
    config = FitConfig(steps=6, evaluate_every=6, dispatch=2)
    losses = []
    for count in (1, 4):
        only(count)
        result = fit(task, make_data(augment).train, config)
        assert len(result.state.params.sharding.device_set) == count
        losses.append([record["loss"] for record in result.records])
    np.testing.assert_allclose(*losses, rtol=1e-5)
