"""A sweep's members are the runs that each would be alone; what is dropped, frozen, resumed."""

import dataclasses

import numpy as np
import pytest
from toy_experiment import EXPERIMENT, Config

from seqmodels.train.config import Metric
from seqmodels.train.fit import fit, start
from seqmodels.train.sweep.points import SweepOptions
from seqmodels.train.sweep.sweep import Problem, sweep

pytestmark = pytest.mark.usefixtures("one_device")

ERROR = Metric("error")
CONFIG = Config(steps=20, evaluate_every=10, dispatch=5)
GRID = [{"learning_rate": rate, "seed": seed} for rate in (1e-3, 1e-2) for seed in (0, 1)]


def problem(config):
    data = EXPERIMENT.data(config, None)
    return Problem(EXPERIMENT.task(config, data.extras), data.train, data.dev)


def swept(points=GRID, config=CONFIG, **changes):
    options = {name: changes.pop(name) for name in ("directory", "logs", "keep") if name in changes}
    return sweep(
        problem, points, config, metric=ERROR, names=("noise",),
        options=SweepOptions(**changes), **options,
    )  # fmt: skip


def alone(point, config=CONFIG, order="shared"):
    """The same run by ``fit``; what is measured on, and a shared order, are of the sweep's seed."""
    own = dataclasses.replace(config, **point)
    task, batches, dev = problem(dataclasses.replace(own, seed=config.seed))
    batches = problem(own).train if order == "own" else batches
    state = start(task, batches, own, EXPERIMENT.numbers(own))
    return fit(task, batches, own, dev=dev, metric=ERROR, state=state)


def curve(records, split, name, member=None):
    return [r[name] for r in records if r["split"] == split and r.get("member") == member]


@pytest.mark.parametrize(("slice", "order"), [(0, "shared"), (1, "own"), (3, "shared")])
def test_each_member_is_the_run_it_would_be_alone(slice, order):
    config = dataclasses.replace(CONFIG, schedule="plateau", average="ema", noise=0.2)
    points = [*GRID, {"learning_rate": 0.1, "seed": 2}]
    found = swept(points, config, slice=slice, order=order)
    for member in (1, 4):
        run = alone(points[member], config, order)
        for split, name in (("train", "loss"), ("train", "gradient_norm"), ("dev", "error")):
            expected = curve(run.records, split, name)
            assert len(expected) == {"train": 4, "dev": 2}[split]
            got = curve(found.records, split, name, member)
            # float32 rounding, grown over the steps
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    best = alone(points[found.rows[0].member], config, order)
    np.testing.assert_allclose(found.best.state.params["w"], best.state.params["w"], rtol=1e-4)


def test_a_diverged_member_is_frozen_and_spoils_no_other():
    points = [*GRID[:2], {"learning_rate": 1e30, "seed": 0}]
    found, clean = swept(points), swept(GRID[:2])
    for member in (0, 1):
        got, expected = (curve(f.records, "dev", "error", member) for f in (found, clean))
        np.testing.assert_allclose(got, expected, rtol=1e-5)
    row = found.rows[-1]
    assert (row.member, row.fate) == (2, "diverged at 5")
    assert curve(found.records, "train", "loss", 2) == []
    assert [r["step"] for r in found.records if r["member"] == 2] == [5]


def test_all_may_diverge():
    found = swept([{"learning_rate": 1e30, "seed": 0}, {"learning_rate": 1e29, "seed": 0}])
    assert found.best is None
    assert [row.fate for row in found.rows] == ["diverged at 5"] * 2


def test_shapes_make_programs_and_one_table():
    points = [{"units": units, "learning_rate": rate} for units in (2, 3) for rate in (1e-3, 1e-2)]
    found = swept(points)
    assert sorted(row.member for row in found.rows) == [0, 1, 2, 3]
    assert [row.best for row in found.rows] == sorted(row.best for row in found.rows)
    for member in range(4):
        expected = curve(alone(points[member]).records, "dev", "error")
        np.testing.assert_allclose(
            curve(found.records, "dev", "error", member), expected, rtol=1e-4
        )
    assert found.best.state.params["w"].shape == (found.best.config.units, 1)


def test_the_best_is_kept_as_it_stood_at_its_best_evaluation():
    kept = []
    found = swept(keep=kept.append)
    values = {r["step"]: min(curve_at(found.records, r["step"])) for r in dev(found.records)}
    assert [best.value for best in kept] == [
        value
        for step, value in values.items()
        if value == min(v for s, v in values.items() if s <= step)
    ]
    assert kept[-1].value == found.rows[0].best
    assert kept[-1].config.learning_rate == GRID[kept[-1].member]["learning_rate"]
    assert kept[-1].config.seed == CONFIG.seed  # whose data it saw
    longer = dataclasses.replace(kept[-1].config, steps=CONFIG.steps + 1)
    again = fit(*problem(longer)[:2], longer, state=kept[-1].state)
    assert int(again.state.step) == longer.steps


def dev(records):
    return [record for record in records if record["split"] == "dev"]


def curve_at(records, step):
    return [record["error"] for record in dev(records) if record["step"] == step]
