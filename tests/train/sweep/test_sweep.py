"""Members of a sweep equal separate runs; diverged members are frozen; the best is kept."""

import numpy as np
import pytest
import toy_metrics
from toy_experiment import EXPERIMENT, configure, sweep_data

from seqmodels.errors import UserError
from seqmodels.train.config import Metric, with_values
from seqmodels.train.evaluator import NATS, Evaluator
from seqmodels.train.fit import fit, start
from seqmodels.train.sweep.keeper import Keeper
from seqmodels.train.sweep.points import SweepOptions
from seqmodels.train.sweep.sweep import SweepData, sweep

pytestmark = pytest.mark.usefixtures("one_device")

ERROR = Metric("error")
CONFIG = configure(steps=20, evaluate_every=10, dispatch=5)
GRID = [{"learning_rate": rate, "seed": seed} for rate in (1e-3, 1e-2) for seed in (0, 1)]


def run_sweep(points=GRID, config=CONFIG, options=SweepOptions(), metric=NATS, **others):  # noqa: B008
    return sweep(
        sweep_data,
        points,
        config,
        metric=metric,
        initial_rates=EXPERIMENT.initial_rates,
        options=options,
        **others,
    )


def run_alone(point, config=CONFIG, order="shared"):
    """Train one member by ``fit``, on dev data (and a shared order) of the sweep's seed."""
    own = with_values(config, point)
    data = sweep_data(with_values(own, {"seed": config.training.seed}))
    batches = sweep_data(own).train if order == "own" else data.train
    state = start(data.task, batches, own.training, EXPERIMENT.initial_rates(own))
    return fit(data.task, batches, own.training, dev=data.dev, metric=ERROR, state=state)


def test_a_sweep_ranks_members_by_a_derived_headline_and_scores_each():
    """The precision is 1 / error, so that the lowest one belongs to the highest error."""

    def build(config):
        data = toy_metrics.load(config, None)
        return SweepData(toy_metrics.task(config, None), data.train, data.dev)

    bests, metric = [], Metric("precision")
    options = {
        "metric": metric,
        "initial_rates": EXPERIMENT.initial_rates,
        "keeper": Keeper(bests.append),
    }
    result = sweep(build, GRID, CONFIG, **options)
    dev = [r for r in result.records if r["split"] == "dev"]
    worst = max(dev, key=lambda record: record["error"])
    assert result.rows[0].member == result.best.member == bests[-1].member == worst["member"]
    assert result.best.value == pytest.approx(1 / worst["error"])
    data, task, rates = build(CONFIG).dev, build(CONFIG).task, {}
    alone = Evaluator(task)(result.best.state.params, rates, data)
    for name in ("median", "first", "rmse_by_sign"):
        assert worst[name] == pytest.approx(alone[name], rel=1e-5)
    assert len({record["median"] for record in dev}) == len(dev)


def curve(records, split, name, member=None):
    return [r[name] for r in records if r["split"] == split and r.get("member") == member]


@pytest.mark.parametrize(
    ("slice", "order"),
    [
        pytest.param(0, "shared", marks=pytest.mark.exhaustive),
        (1, "own"),
        (3, "shared"),
    ],
)
def test_each_member_equals_a_separate_run(slice, order):
    config = with_values(CONFIG, {"schedule": "plateau", "average": "ema", "noise": 0.2})
    points = [*GRID, {"learning_rate": 0.1, "seed": 2}]
    result = run_sweep(points, config, SweepOptions(slice=slice, order=order))
    for member in (1, 4):
        alone = run_alone(points[member], config, order)
        for split, name in (("train", "loss"), ("train", "gradient_norm"), ("dev", "error")):
            expected = curve(alone.records, split, name)
            assert len(expected) == {"train": 4, "dev": 2}[split]
            found = curve(result.records, split, name, member)
            # float32 rounding, grown over the steps
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    best = run_alone(points[result.rows[0].member], config, order)
    np.testing.assert_allclose(result.best.state.params["w"], best.state.params["w"], rtol=1e-4)


@pytest.mark.parametrize("name", ["accuracy", "x"])
def test_an_unknown_metric_is_refused_before_training(name):
    logged = []
    with pytest.raises(UserError, match=f"does not measure '{name}'; choose the metric from error"):
        run_sweep(GRID[:1], metric=Metric(name), logs=[logged.append])
    assert not logged


def test_a_diverged_member_is_frozen_and_affects_no_other():
    points = [*GRID[:2], {"learning_rate": 1e30, "seed": 0}]
    result, clean = run_sweep(points), run_sweep(GRID[:2])
    for member in (0, 1):
        found, expected = (curve(r.records, "dev", "error", member) for r in (result, clean))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    row = result.rows[-1]
    assert (row.member, row.status) == (2, "diverged at 5")
    assert curve(result.records, "train", "loss", 2) == []
    assert [r["step"] for r in result.records if r["member"] == 2] == [5]


def test_all_members_may_diverge():
    result = run_sweep([{"learning_rate": 1e30, "seed": 0}, {"learning_rate": 1e29, "seed": 0}])
    assert result.best is None
    assert [row.status for row in result.rows] == ["diverged at 5"] * 2


def test_members_of_several_shapes_share_one_leaderboard():
    points = [{"units": units, "learning_rate": rate} for units in (2, 3) for rate in (1e-3, 1e-2)]
    result = run_sweep(points)
    assert sorted(row.member for row in result.rows) == [0, 1, 2, 3]
    assert [row.best for row in result.rows] == sorted(row.best for row in result.rows)
    for member in range(4):
        expected = curve(run_alone(points[member]).records, "dev", "error")
        found = curve(result.records, "dev", "error", member)
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert result.best.state.params["w"].shape == (result.best.config.units, 1)


def test_the_best_member_is_kept_with_its_state_at_its_best_evaluation():
    kept = []
    result = run_sweep(keeper=Keeper(kept.append))
    dev = [record for record in result.records if record["split"] == "dev"]
    lowest = {s: min(r["error"] for r in dev if r["step"] == s) for s in (10, 20)}
    assert {record["step"] for record in dev} == lowest.keys()
    assert [best.value for best in kept] == [
        value
        for step, value in lowest.items()
        if value == min(v for s, v in lowest.items() if s <= step)
    ]
    best = kept[-1]
    assert best.value == result.rows[0].best
    assert best.config.training.optimizer.learning_rate == GRID[best.member]["learning_rate"]
    assert best.config.training.seed == CONFIG.training.seed  # the seed of its data
    longer = with_values(best.config, {"steps": CONFIG.training.steps + 1})
    data = sweep_data(longer)
    again = fit(data.task, data.train, longer.training, state=best.state)
    assert int(again.state.step) == longer.training.steps


def test_every_member_is_kept_at_its_best_evaluation():
    best, members = [], []
    result = run_sweep(keeper=Keeper(best.append, members.append))
    last = {kept.member: kept for kept in members}
    assert {row.member: row.best for row in result.rows} == {m: k.value for m, k in last.items()}
    assert best[-1].value == min(kept.value for kept in members)
    for row in result.rows:
        assert int(last[row.member].state.step) == row.step
    resumed = Keeper(best.append, members.append)
    resumed.read(result.records, ERROR)
    resumed(0, last[0].value, pytest.fail)  # no better than before
