"""One program on 1, 2 and 8 devices: equal losses, and the placement of members and rows."""

import dataclasses

import numpy as np
import pytest
import toy_metrics
from jax.sharding import PartitionSpec
from toy_experiment import EXPERIMENT, configure

from seqmodels.data.batching import Batches
from seqmodels.train.config import Metric
from seqmodels.train.distributed.devices import data_mesh, place, population_mesh, shard_members
from seqmodels.train.fit import fit, resume
from seqmodels.train.runs.checkpoint import Checkpoints
from seqmodels.train.sweep.points import SweepOptions
from seqmodels.train.sweep.sweep import SweepData, sweep

ERROR = Metric("error")
CONFIG = configure(steps=10, evaluate_every=5, dispatch=5, rows=8, noise=0.1)
TRAINING = CONFIG.training
RATES = EXPERIMENT.initial_rates(CONFIG)


def sharded_data(config):
    """Return the toy with all kinds of metrics, and the batch axis that devices share."""
    data = toy_metrics.load(config, None)
    batches = dataclasses.replace(data.train, batch_axis=0)
    return SweepData(toy_metrics.task(config, data.metadata), batches, batches)


def values(records, split, name, member=None):
    return [r[name] for r in records if r["split"] == split and r.get("member") == member]


def test_any_number_of_devices_gives_the_same_losses(only):
    task, batches, dev = sharded_data(CONFIG)
    found = {}
    for count in (1, 2, 8):
        only(count)
        result = fit(task, batches, TRAINING, dev=dev, metric=ERROR, rates=RATES)
        assert len(result.state.params["w"].sharding.device_set) == count
        records = result.records
        found[count] = [
            values(records, "train", "loss"),
            *(values(records, "dev", name) for name in ("error", "rmse", "median", "first")),
        ]
        # rounding: each device adds up its own rows first
        np.testing.assert_allclose(found[count], found[1], rtol=1e-5)


def test_one_device_resumes_a_checkpoint_of_eight(only, tmp_path):
    task, batches, _ = sharded_data(CONFIG)
    whole = fit(task, batches, TRAINING, rates=RATES)
    half = dataclasses.replace(TRAINING, steps=5)
    fit(task, batches, half, rates=RATES, checkpoints=Checkpoints(tmp_path))
    for count in (1, 8):
        only(count)
        state = resume(task, batches, TRAINING, Checkpoints(tmp_path), RATES)
        resumed = fit(task, batches, TRAINING, state=state)
        np.testing.assert_allclose(resumed.state.params["w"], whole.state.params["w"], rtol=1e-5)


@pytest.mark.parametrize("slice", [0, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_a_sweep_on_eight_devices_equals_one_device(only, slice):
    points = [{"learning_rate": rate, "seed": seed} for rate in (1e-3, 1e-2) for seed in (0, 1)]

    def run_sweep():
        return sweep(
            sharded_data,
            points,
            CONFIG,
            metric=ERROR,
            initial_rates=EXPERIMENT.initial_rates,
            options=SweepOptions(slice=slice),
        )

    assert population_mesh(4, sharded_data(CONFIG).train).shape == {"population": 4, "data": 2}
    many = run_sweep()
    only(1)
    one = run_sweep()
    for member in range(4):
        for split, name in (("train", "loss"), ("dev", "error"), ("dev", "median")):
            found = values(many.records, split, name, member)
            expected = values(one.records, split, name, member)
            np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_members_and_rows_are_placed_on_their_axes():
    def at(step, part):
        return None

    batches = Batches(at, 1, batch_axis=0)
    mesh = population_mesh(12, batches)
    assert mesh.shape == {"population": 4, "data": 2}
    assert shard_members(np.zeros((12, 3)), mesh).sharding.spec == PartitionSpec("population")
    chunk = place({"x": np.zeros((5, 6, 3)), "odd": np.zeros((5, 7))}, mesh, 0)
    assert chunk["x"].sharding.shard_shape((5, 6, 3)) == (5, 3, 3)
    assert chunk["odd"].sharding.shard_shape((5, 7)) == (5, 7)
    assert population_mesh(3, Batches(at, 1)).size == 1  # without a batch axis, nothing is sharded
    assert data_mesh(batches).shape == {"population": 1, "data": 8}
