"""Batches of examples: every example once per epoch, few shapes, rows shared among hosts."""

from itertools import combinations

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.long_memory.memory_problems import problem_batches
from seqmodels.data.augmentation import (
    gaussian_noise,
    row_augmentation,
    sequence_augmentation,
)
from seqmodels.data.batching import example_batches, length_bounds
from seqmodels.data.packing import packed_batches
from seqmodels.data.ragged import ragged
from seqmodels.data.series.forecast_windows import training_origins, training_streams
from seqmodels.data.series.series_table import ForecastSeries, WindowShape
from seqmodels.data.streams import evaluation_windows, training_windows
from seqmodels.errors import UserError
from seqmodels.train.examples import augment_batches


def make_fields(lengths):
    """Return examples whose elements and label are all the example's index plus 1."""
    sequences = [np.full(length, i + 1, np.int32) for i, length in enumerate(lengths)]
    return {"text": ragged(sequences), "label": np.arange(1, len(lengths) + 1)}


def epoch_of(batches, epoch):
    first = epoch * batches.steps_per_epoch
    return [batches(first + step) for step in range(batches.steps_per_epoch)]


def rows_of(epoch):
    rows = np.concatenate([batch.rows for batch in epoch])
    return rows[rows >= 0].tolist()


lengths_of = st.lists(st.integers(0, 20), min_size=1, max_size=40)
options = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 9),
        "tokens": st.none() | st.integers(20, 60),
        "bounds": st.none() | st.just((5, 12, 20)),
        "seed": st.none() | st.integers(0, 3),
        "run": st.integers(1, 3),
    }
)


@given(lengths_of, options, st.integers(0, 2))
def test_every_example_occurs_once_per_epoch_and_complete(lengths, options, epoch):
    batches = epoch_of(example_batches(make_fields(lengths), **options), epoch)
    assert sorted(rows_of(batches)) == list(range(len(lengths)))
    for batch in batches:
        values, mask = batch.fields["text"]
        np.testing.assert_array_equal(batch.weight, batch.rows >= 0)
        np.testing.assert_array_equal(
            batch.fields["label"][batch.rows >= 0] - 1, batch.rows[batch.rows >= 0]
        )
        expected = np.where(batch.rows < 0, 0, np.array(lengths)[batch.rows])
        np.testing.assert_array_equal(mask.sum(0), expected)
        np.testing.assert_array_equal(values, np.where(mask, batch.rows + 1, 0))


@given(lengths_of, options, st.lists(st.integers(0, 100), max_size=8))
def test_a_batch_depends_only_on_its_step(lengths, options, steps):
    fields = make_fields(lengths)
    used = example_batches(fields, **options)
    for step in steps:
        fresh = example_batches(fields, **options)(step)
        np.testing.assert_array_equal(used(step).rows, fresh.rows)
        np.testing.assert_array_equal(used(step).fields["text"].values, fresh.fields["text"].values)


@given(lengths_of, st.integers(20, 60))
def test_shapes_are_few_and_within_the_tokens(lengths, tokens):
    batches = example_batches(make_fields(lengths), 100, tokens=tokens, bounds=(5, 12, 20), seed=0)
    shapes = {batch.fields["text"].mask.shape for batch in epoch_of(batches, 0)}
    assert len(shapes) <= 3
    assert all(length * rows <= tokens for length, rows in shapes)


def test_epochs_and_seeds_shuffle_differently_and_no_seed_keeps_the_order():
    fields = {"label": np.arange(50)}
    shuffled = example_batches(fields, 8, seed=1)
    orders = [rows_of(epoch_of(shuffled, epoch)) for epoch in range(2)]
    orders.append(rows_of(epoch_of(example_batches(fields, 8, seed=2), 0)))
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]
    assert rows_of(epoch_of(example_batches(fields, 8), 3)) == list(range(50))


def test_remaining_examples_are_spread_over_the_batches():
    weights = [b.weight.sum() for b in epoch_of(example_batches({"x": np.zeros(33)}, 32), 0)]
    assert weights == [17, 16]


def test_batches_of_one_shape_come_in_runs():
    batches = example_batches(make_fields([1] * 12 + [2] * 12), 2, bounds=(1, 2), seed=0, run=3)
    lengths = [len(batch.fields["text"].mask) for batch in epoch_of(batches, 0)]
    assert all(len(set(lengths[i : i + 3])) == 1 for i in range(0, 12, 3))


def test_each_ragged_field_has_its_own_length():
    frames = ragged([np.zeros((30, 2)), np.zeros((20, 2))])
    batch = example_batches({"frames": frames, "labels": ragged([np.zeros(3)] * 2)}, 2)(0)
    assert batch.fields["frames"].values.shape == (20, 2, 2)
    assert batch.fields["labels"].mask.shape == (3, 2)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(3, 4))
def test_bounds_have_the_least_padding(lengths, buckets):
    """Compare with all choices, for few lengths, so that each is a candidate."""

    def steps(bounds):
        return sum(min(bound for bound in bounds if bound >= length) for length in lengths)

    longest = max(lengths)
    choices = combinations(sorted(set(lengths) - {longest}), min(buckets, len(set(lengths))) - 1)
    expected = min(steps((*choice, longest)) for choice in choices)
    bounds = length_bounds(np.array(lengths), buckets)
    assert len(bounds) <= buckets
    assert steps(bounds) == expected


def test_even_lengths_make_even_buckets_and_an_outlier_has_its_own():
    assert length_bounds(np.arange(1, 6401), 4) == (1600, 3200, 4800, 6400)
    assert length_bounds(np.array([*[3] * 50, *[4] * 49, 1000]), 4) == (3, 4, 1000)


@pytest.mark.parametrize(
    ("fields", "options", "message"),
    [
        ({"x": np.zeros(0)}, {}, "no examples"),
        ({"x": np.zeros(2), "y": np.zeros(3)}, {}, "one value per example"),
        ({"x": np.zeros(2)}, {"batch_size": 0}, "raise the batch size"),
        ({"x": ragged([np.zeros(9)])}, {"tokens": 8}, "length 9"),
        ({"x": ragged([np.zeros(9)])}, {"bounds": (4, 8)}, "example 0 has length 9"),
    ],
)
def test_wrong_arguments_are_refused(fields, options, message):
    with pytest.raises(UserError, match=message):
        example_batches(fields, **{"batch_size": 4, **options})


RANDOM = np.random.default_rng(0)
TOKENS = np.arange(100, dtype=np.int32)
SERIES = {
    "x": ragged([RANDOM.normal(size=(n % 5 + 1, 2)).astype(np.float32) for n in range(20)]),
    "label": np.arange(20),
}
FORECASTS = [ForecastSeries(RANDOM.normal(size=(n, 2)), RANDOM.normal(size=n)) for n in (30, 20)]
EXAMPLES = example_batches(SERIES, 6, buckets=2, seed=1)
BATCHES = {
    "training text": training_windows(TOKENS, 4, 5, seed=1),
    "evaluation text": evaluation_windows(TOKENS, 4, 5),
    "examples": EXAMPLES,
    "augmented examples": augment_batches(
        EXAMPLES, sequence_augmentation(gaussian_noise(1.0)), seed=2
    ),
    "packed examples": packed_batches(SERIES, 4, 6, seed=1),
    "forecast streams": training_streams(FORECASTS, 4, WindowShape(3, (1, 2)), seed=1),
    "forecast origins": training_origins(FORECASTS, 4, WindowShape(3, (1, 2)), seed=1),
    "examples with a record": augment_batches(
        EXAMPLES,
        row_augmentation(lambda random, rows: random.normal(size=rows), {}, "drawn"),
        seed=2,
    ),
    "generated problems": problem_batches("adding", 8, 4, 3, (0, 1)),
}


@pytest.mark.parametrize("name", BATCHES)
def test_the_rows_of_two_hosts_make_up_the_batch(name):
    batches = BATCHES[name]
    for step in range(batches.steps_per_epoch + 1):
        whole, rows = batches(step), batches.rows(step)
        shares = [batches(step, slice(*bounds)) for bounds in ((0, rows // 2), (rows // 2, rows))]
        axes = jax.tree.leaves(jax.tree.broadcast(batches.batch_axis, whole))
        parts = zip(*map(jax.tree.leaves, shares), strict=True)
        for leaf, axis, part in zip(jax.tree.leaves(whole), axes, parts, strict=True):
            assert leaf.shape[axis] == rows
            np.testing.assert_array_equal(np.concatenate(part, axis=axis), leaf)
