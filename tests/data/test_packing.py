"""Packing: packed equals separate, few rows, every example once per epoch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmodels.cells.gru import gru
from seqmodels.data.batching import example_batches
from seqmodels.data.packing import pack, packed_batches, padding_shares, unpack
from seqmodels.data.ragged import ragged
from seqmodels.errors import UserError
from seqmodels.unroll import unroll

lengths_of = st.lists(st.integers(0, 12), min_size=1, max_size=30).filter(any)


def make_fields(lengths):
    random = np.random.default_rng(0)
    return {
        "x": ragged([random.normal(size=(length, 3)).astype(np.float32) for length in lengths]),
        "y": ragged([100 * n + np.arange(length) for n, length in enumerate(lengths)]),
        "label": np.arange(len(lengths)),
    }


def epoch_of(batches, epoch=0):
    first = epoch * batches.steps_per_epoch
    return [batches(first + step) for step in range(batches.steps_per_epoch)]


@given(lengths_of, st.integers(12, 20))
def test_rows_hold_every_example_once_and_are_full(lengths, length):
    rows = pack(np.array(lengths), length)
    assert sorted(np.concatenate(rows).tolist()) == np.flatnonzero(lengths).tolist()
    sums = sorted(int(np.array(lengths)[row].sum()) for row in rows)
    assert sums[-1] <= length
    assert sum(sums[:2]) > length or len(rows) == 1  # two rows never fit into one
    assert len(rows) <= 11 / 9 * -(-sum(lengths) // length) + 4


@settings(max_examples=20)
@given(lengths_of, st.integers(1, 4), st.none() | st.integers(0, 2), st.integers(0, 2))
def test_every_example_occurs_once_per_epoch_and_complete(lengths, batch_size, seed, epoch):
    fields = make_fields(lengths)
    found = {}
    for batch in epoch_of(packed_batches(fields, batch_size, 15, seed=seed), epoch):
        assert batch.mask.shape[1] == batch_size
        np.testing.assert_array_equal(batch.examples >= 0, batch.mask)
        np.testing.assert_array_equal(
            batch.fields["label"], np.where(batch.mask, batch.examples, 0)
        )
        assert not batch.fields["x"][~batch.mask].any()
        starts = np.where(batch.mask, batch.fields["y"] % 100 == 0, False)
        np.testing.assert_array_equal(batch.resets, starts)
        for name in ("x", "y"):
            for example, values in unpack(batch.fields[name], batch.examples).items():
                assert (example, name) not in found
                found[example, name] = values
    assert {example for example, _ in found} == set(np.flatnonzero(lengths).tolist())
    for (example, name), values in found.items():
        start, stop = fields[name].offsets[example : example + 2]
        np.testing.assert_array_equal(values, fields[name].values[start:stop])


def test_epochs_shuffle_rows_that_stay_together():
    batches = packed_batches(make_fields([5, 7, 3, 9, 4, 8, 2]), 1, 12, seed=0)
    orders = [
        [frozenset(b.examples.ravel().tolist()) for b in epoch_of(batches, e)] for e in (0, 1)
    ]
    assert orders[0] != orders[1]
    assert set(orders[0]) == set(orders[1])


def test_packed_equals_separate():
    """Outputs and gradients of a GRU on packed rows are those on each sequence alone."""
    lengths = [5, 2, 9, 4, 1, 7]
    fields = make_fields(lengths)
    batches = epoch_of(packed_batches(fields, 2, 10))
    cell = gru(3, 4)
    params = cell.init(jax.random.key(0))
    weights = np.linspace(-1.0, 1.0, 4, dtype=np.float32)

    def packed(params):
        outputs = [
            unroll(cell, params, b.fields["x"], mask=b.mask, resets=b.resets)[0]
            for b in jax.tree.map(jnp.asarray, batches)
        ]
        return sum(jnp.sum(jnp.sin(ys) @ weights) for ys in outputs), outputs

    def separate(params):
        parts = np.split(fields["x"].values, fields["x"].offsets[1:-1])
        outputs = [unroll(cell, params, jnp.asarray(part), engine="scan")[0] for part in parts]
        return sum(jnp.sum(jnp.sin(ys) @ weights) for ys in outputs), outputs

    gradient = jax.jit(jax.grad(packed, has_aux=True))
    grads, outputs = gradient(params)
    expected_grads, expected = jax.jit(jax.grad(separate, has_aux=True))(params)
    found = {}
    for ys, each in zip(outputs, batches, strict=True):
        found |= unpack(np.asarray(ys), each.examples)
    for example, ys in enumerate(expected):
        np.testing.assert_allclose(found[example], ys, rtol=1e-5, atol=1e-6)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), grads, expected_grads
    )
    assert sum(batch.resets[1:].sum() for batch in batches) > 1


@settings(max_examples=20)
@given(lengths_of, st.integers(1, 4), st.integers(1, 3))
def test_shares_are_those_of_an_epoch(lengths, batch_size, buckets):
    shares = padding_shares(np.array(lengths), batch_size, 12, buckets=buckets)
    fields = make_fields(lengths)
    padded = [
        b.fields["x"].mask for b in epoch_of(example_batches(fields, batch_size, buckets=buckets))
    ]
    packed = [batch.mask for batch in epoch_of(packed_batches(fields, batch_size, 12))]
    for share, masks in ((shares.buckets, padded), (shares.packed, packed)):
        assert share == pytest.approx(1 - np.mean(np.concatenate([mask.ravel() for mask in masks])))
    assert (1 - shares.saved) * (1 - shares.packed) == pytest.approx(1 - shares.buckets)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"label": np.zeros(3)}, "no ragged field"),
        (
            {"x": ragged([np.zeros(3)]), "y": ragged([np.zeros(2)])},
            "'x' and 'y' need equal lengths",
        ),
        ({"x": ragged([np.zeros(1), np.zeros(9)])}, "example 1 has length 9"),
        ({"x": ragged([np.zeros(0)])}, "no steps"),
        ({"x": ragged([np.zeros(2)]), "label": np.zeros(2)}, "one value per example"),
    ],
)
def test_wrong_fields_are_refused(fields, message):
    with pytest.raises(UserError, match=message):
        packed_batches(fields, 2, 8)
