"""Windows, pieces, stacking, placing and prefetching of batches."""

import threading
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmodels.data.batching import Batches, example_batches
from seqmodels.data.ragged import ragged
from seqmodels.errors import UserError
from seqmodels.losses.classification import masked_sum
from seqmodels.train.config import FitConfig, with_values
from seqmodels.train.distributed.devices import data_mesh, place
from seqmodels.train.feed import (
    count_programs,
    feed,
    pieces,
    prefetch,
    shape_of,
    stack_batches,
    windows,
)
from seqmodels.train.fit import fit
from seqmodels.types import Task

counts = st.integers(1, 30)


@given(st.integers(0, 100), st.integers(0, 100), counts, counts)
def test_windows_cover_each_step_once_and_end_at_each_multiple(start, stop, dispatch, every):
    found = list(windows(start, stop, dispatch, every))
    assert [step for window in found for step in range(*window)] == list(range(start, stop))
    assert all(b - a <= dispatch and a // every == (b - 1) // every for a, b in found)


@given(counts, counts, st.integers(0, 60))
def test_windows_after_a_stop_are_those_of_the_uninterrupted_run(dispatch, every, at):
    found = list(windows(0, 60, dispatch, every))
    boundary = found[at % len(found)][0]
    assert list(windows(boundary, 60, dispatch, every)) == [w for w in found if w[0] >= boundary]


@given(st.lists(st.integers(1, 3), min_size=1, max_size=40))
def test_pieces_have_one_shape_and_few_lengths(lengths):
    found = list(pieces(lambda step: np.zeros(lengths[step]), 0, len(lengths)))
    assert [len(batch) for piece in found for batch in piece] == lengths
    assert all(len({len(batch) for batch in piece}) == 1 for piece in found)
    if len(set(lengths)) > 1:
        assert all(len(piece).bit_count() == 1 for piece in found)
    else:
        assert len(found) == 1


@pytest.mark.parametrize(("dispatch", "every"), [(5, 12), (3, 1 << 60)])
def test_programs_are_counted_as_the_feed_makes_them(dispatch, every):
    sequences = ragged([np.zeros(n) for n in range(1, 60)])
    batches = example_batches({"x": sequences}, 4, buckets=3, seed=0, run=dispatch)
    with feed(batches, 0, 40, dispatch, every) as chunks:
        shapes = {shape_of(chunk) for chunk, _ in chunks}
    assert count_programs(batches, 0, 40, dispatch, every) == len(shapes)


def test_stacking_adds_one_axis():
    stacked = stack_batches([{"x": np.ones(3)}, {"x": np.zeros(3)}])
    np.testing.assert_array_equal(stacked["x"], [[1, 1, 1], [0, 0, 0]])


def test_prefetch_raises_errors_in_the_consumer_and_ends_its_thread():
    def items():
        yield 1
        raise ValueError("the data is broken")

    ready = prefetch(items())
    assert next(ready) == 1
    with pytest.raises(ValueError, match="the data is broken"):
        next(ready)
    assert all(thread.name != "prefetch" for thread in threading.enumerate())


def test_prefetch_can_be_closed_early():
    ready = prefetch(iter(range(1000)))
    assert next(ready) == 0
    ready.close()
    assert all(thread.name != "prefetch" for thread in threading.enumerate())


def batch_at(step, part):
    return {"x": np.full((3, 16), step), "y": np.full(16, step), "odd": np.zeros(5)}


SHARDED = Batches(batch_at, steps_per_epoch=4, batch_axis={"x": 1, "y": 0, "odd": 0})


def test_batches_are_sharded_over_all_devices_if_they_divide():
    mesh = data_mesh(SHARDED)
    assert mesh is not None
    with feed(SHARDED, 0, 4, 2, mesh=mesh) as chunks:
        (chunk, size), *_ = list(chunks)
    assert size == 2
    share = {name: leaf.sharding.shard_shape(leaf.shape) for name, leaf in chunk.items()}
    assert share == {"x": (2, 3, 2), "y": (2, 2), "odd": (2, 5)}
    np.testing.assert_array_equal(chunk["y"][:, 0], [0, 1])


def test_batches_without_a_batch_axis_stay_on_one_device():
    assert data_mesh(Batches(batch_at, steps_per_epoch=4)) is None
    placed = place({"x": np.ones((2, 8))}, None)
    assert len(placed["x"].sharding.device_set) == 1
    assert isinstance(placed["x"], jax.Array)


class Nested(NamedTuple):
    parts: dict
    pair: tuple


def nested_batches(**options):
    """Return batches with tuples, nested dicts, None, numbers, and leaves of several types."""

    def at(step, part):
        x = np.random.default_rng(step).normal(size=(16, 3)).astype(np.float32)
        flags = {"is_even": np.arange(16) % 2 == 0, "count": np.arange(16)}
        numbers = {"step": step, "scale": 0.5, "is_last": step == 3, "unit": np.float32(1.0)}
        return Nested({"x": x[part], "flags": {n: f[part] for n, f in flags.items()}, "none": None},
                      (numbers, (x.T[:, part], None), ()))  # fmt: skip

    return Batches(at, steps_per_epoch=4, **options)


def nested_loss(params, rates, memory, batch, key):
    numbers, (transposed, _), _ = batch.pair
    parts = batch.parts
    assert parts["none"] is None
    assert (numbers["step"].dtype, numbers["is_last"].dtype) == (jnp.int32, jnp.bool_)
    weight = parts["flags"]["is_even"].astype(jnp.float32)
    target = parts["flags"]["count"].astype(jnp.float32) * numbers["scale"] * numbers["unit"]
    errors = (parts["x"] @ params - transposed.T @ (0.5 * params) - target) ** 2
    late = jnp.where(numbers["is_last"], 10.0, 1.0) + numbers["step"].astype(jnp.float32)
    return jnp.mean(errors * weight) * late, (memory + 1, {"error": masked_sum(errors)})


AXES = Nested({"x": 0, "flags": 0, "none": None}, (None, 1, None))
TASK = Task(
    lambda key: jnp.ones(3),
    nested_loss,
    lambda *arguments: nested_loss(*arguments, None)[1],
    lambda params, batch: jnp.zeros((), jnp.int32) + batch.pair[0]["step"],
)
CONFIG = FitConfig(steps=8, evaluate_every=4, dispatch=2)


def test_fit_takes_batches_of_any_structure_on_one_or_several_devices(only):
    results = {}
    for count in (1, 4):
        only(count)
        batches = nested_batches(rows=lambda step: 16, batch_axis=AXES)
        results[count] = fit(TASK, batches, CONFIG, dev=batches)
        assert len(results[count].state.params.sharding.device_set) == count
    for name in ("loss", "error"):
        one, several = (
            [record[name] for record in result.records if name in record]
            for result in results.values()
        )
        np.testing.assert_allclose(several, one, rtol=1e-5)


def test_numbers_in_a_batch_are_arrays_of_every_step():
    """Without learning, the loss of two steps is that of the equation in float64."""
    frozen = with_values(CONFIG, {"steps": 4, "learning_rate": 0.0})
    losses = [record["loss"] for record in fit(TASK, nested_batches(), frozen).records]
    expected = []
    for step in range(4):
        x = nested_batches()(step).parts["x"].astype(np.float64)
        errors = (0.5 * x.sum(axis=1) - 0.5 * np.arange(16)) ** 2
        late = (10.0 if step == 3 else 1.0) + step
        expected.append(np.mean(errors * (np.arange(16) % 2 == 0)) * late)
    np.testing.assert_allclose(losses, np.mean(np.reshape(expected, (2, 2)), axis=1), rtol=1e-5)


def test_a_batch_axis_that_does_not_fit_is_reported():
    with pytest.raises(UserError, match=r"batch_axis=\{'y': 0\} does not fit the batch"):
        place({"x": np.ones((2, 8))}, data_mesh(SHARDED), {"y": 0})
