"""One program on 1, 2, 4 and 8 devices: the same losses; members and rows lie where they should."""

import dataclasses

import numpy as np
import pytest
from jax.sharding import PartitionSpec
from toy_experiment import EXPERIMENT, Config, Counted

from seqmodels.train.config import Metric
from seqmodels.train.distributed.devices import data_mesh, place, population_mesh, spread
from seqmodels.train.fit import fit, resume
from seqmodels.train.runs.checkpoint import Checkpoints
from seqmodels.train.sweep.points import SweepOptions
from seqmodels.train.sweep.sweep import Problem, sweep

ERROR = Metric("error")
CONFIG = Config(steps=10, evaluate_every=5, dispatch=5, rows=8, noise=0.1)


def problem(config):
    """The toy's task and data, and where a batch's rows are, so that devices can share them."""
    data = EXPERIMENT.data(config, None)
    batches = dataclasses.replace(data.train, batch_axis=0)
    return Problem(EXPERIMENT.task(config, {}), batches, batches)


def losses(records, split, name, member=None):
    return [r[name] for r in records if r["split"] == split and r.get("member") == member]


def test_any_number_of_devices_gives_the_same_losses(only):
    task, batches, dev = problem(CONFIG)
    found = {}
    for count in (1, 2, 8):
        only(count)
        fitted = fit(
            task, batches, CONFIG, dev=dev, metric=ERROR, numbers=EXPERIMENT.numbers(CONFIG)
        )
        assert len(fitted.state.params["w"].sharding.device_set) == count
        found[count] = [
            losses(fitted.records, "train", "loss"),
            losses(fitted.records, "dev", "error"),
        ]
        # rounding: a sum over rows is a sum of each device's sum
        np.testing.assert_allclose(found[count], found[1], rtol=1e-5)


def test_a_checkpoint_of_eight_devices_goes_on_with_one(only, tmp_path):
    task, batches, _ = problem(CONFIG)
    numbers = EXPERIMENT.numbers(CONFIG)
    whole = fit(task, batches, CONFIG, numbers=numbers)
    half = dataclasses.replace(CONFIG, steps=5, decay_steps=10.0)
    fit(task, batches, half, numbers=numbers, checkpoints=Checkpoints(tmp_path))
    for count in (1, 8):
        only(count)
        state = resume(task, batches, CONFIG, Checkpoints(tmp_path), numbers)
        resumed = fit(task, batches, CONFIG, state=state)
        np.testing.assert_allclose(resumed.state.params["w"], whole.state.params["w"], rtol=1e-5)


@pytest.mark.parametrize("slice", [0, 1])
def test_a_sweep_on_eight_devices_is_that_on_one(only, slice):
    points = [{"learning_rate": rate, "seed": seed} for rate in (1e-3, 1e-2) for seed in (0, 1)]

    def run():
        options = {"metric": ERROR, "names": EXPERIMENT.hyper, "options": SweepOptions(slice=slice)}
        return sweep(problem, points, CONFIG, **options)

    assert population_mesh(4, problem(CONFIG).train).shape == {"population": 4, "data": 2}
    many = run()
    only(1)
    one = run()
    for member in range(4):
        for split, name in (("train", "loss"), ("dev", "error")):
            np.testing.assert_allclose(
                losses(many.records, split, name, member),
                losses(one.records, split, name, member),
                rtol=1e-5,
            )


def test_members_and_rows_lie_on_their_axes():
    batches = Counted(None, 1, batch_axis=0)
    mesh = population_mesh(12, batches)
    assert mesh.shape == {"population": 4, "data": 2}
    assert spread(np.zeros((12, 3)), mesh).sharding.spec == PartitionSpec("population")
    chunk = place({"x": np.zeros((5, 6, 3)), "odd": np.zeros((5, 7))}, mesh, 0)
    assert chunk["x"].sharding.shard_shape((5, 6, 3)) == (5, 3, 3)
    assert chunk["odd"].sharding.shard_shape((5, 7)) == (5, 7)
    assert population_mesh(3, Counted(None, 1)).size == 1  # nothing told, nothing to share
    assert data_mesh(batches).shape == {"population": 1, "data": 8}
