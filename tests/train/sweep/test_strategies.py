"""Successive halving and population based training as pure choices, and with a real population."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_experiment import EXPERIMENT, Config

from seqmodels.errors import UserError
from seqmodels.train.config import Metric
from seqmodels.train.sweep.points import SweepOptions
from seqmodels.train.sweep.strategies import (
    Standing,
    choose_strategy,
    population_based_training,
    successive_halving,
)
from seqmodels.train.sweep.sweep import Problem, sweep

ERROR = Metric("error")
CONFIG = Config(steps=30, evaluate_every=10, dispatch=10)
RATES = [1e-4, 1e-3, 1e-2, 1e-1]


def standing(step, values, rates):
    return Standing(step, np.array(values), {"learning_rate": np.array(rates)})


@given(st.lists(st.floats(0, 10), min_size=1, max_size=20), st.integers(0, 40))
def test_halving_keeps_the_better_half_at_each_step(values, step):
    select = successive_halving((10, 20), len(values))
    expected = -(-len(values) // {0: 1, 1: 2, 2: 4}[min(step // 10, 2)])
    chosen = select(standing(step, values, values))
    if expected == len(values):
        assert chosen is None
    else:
        kept = set(chosen.parents.tolist())
        assert len(kept) == expected
        worst_kept = max(values[i] for i in kept)
        assert all(values[i] >= worst_kept for i in set(range(len(values))) - kept)
        np.testing.assert_array_equal(
            chosen.hyper["learning_rate"], np.array(values)[chosen.parents]
        )


def test_the_worst_quarter_goes_on_from_the_best_with_other_numbers():
    values, rates = [3.0, 1.0, 2.0, np.inf, 5.0, 0.5, 4.0, 6.0], np.linspace(0.1, 0.8, 8)
    select = population_based_training(10, {"learning_rate": (0.15, 0.55)}, seed=0)
    assert select(standing(5, values, rates)) is None
    chosen = select(standing(10, values, rates))
    copies = [i for i, parent in enumerate(chosen.parents) if parent != i]
    assert copies == [3, 7]  # the diverged one and the worst
    assert {chosen.parents[i] for i in copies} <= {1, 5}
    for i in copies:
        parent = rates[chosen.parents[i]]
        options = np.clip([parent * 1.25, parent / 1.25], 0.15, 0.55)
        assert min(abs(options - chosen.hyper["learning_rate"][i])) < 1e-9
    others = [i for i in range(8) if i not in copies]
    np.testing.assert_array_equal(chosen.hyper["learning_rate"][others], rates[others])
    again = select(standing(10, values, rates))
    np.testing.assert_array_equal(again.parents, chosen.parents)


def swept(**options):
    def problem(config):
        data = EXPERIMENT.data(config, None)
        return Problem(EXPERIMENT.task(config, data.extras), data.train, data.dev)

    points = [{"learning_rate": rate} for rate in RATES]
    names = EXPERIMENT.hyper
    return sweep(
        problem, points, CONFIG, metric=ERROR, names=names, options=SweepOptions(**options)
    )


@pytest.mark.usefixtures("one_device")
def test_halving_leaves_the_others_as_they_were():
    whole, halved = swept(), swept(halve_at=(5, 15))
    dropped = {r["member"]: r["step"] for r in halved.records if r["split"] == "dropped"}
    assert sorted(dropped.values()) == [10, 10, 20]
    winner = halved.rows[0].member
    assert winner not in dropped

    def curve(swept, member):
        return [r["error"] for r in swept.records if r["split"] == "dev" and r["member"] == member]

    for member in range(4):
        expected = curve(whole, member)[: dropped.get(member, 30) // 10]
        np.testing.assert_allclose(curve(halved, member), expected, rtol=1e-5)
    fates = {row.member: row.fate for row in halved.rows}
    assert fates == {**{m: f"dropped at {s}" for m, s in dropped.items()}, winner: "trained to 30"}


@pytest.mark.usefixtures("one_device")
def test_copies_keep_their_lineage():
    found = swept(perturb_every=10)
    copies = [r for r in found.records if r["split"] == "copied"]
    assert copies
    for copy in copies:
        assert copy["parent"] != copy["member"]
        assert 0.99 * RATES[0] <= copy["learning_rate"] <= 1.01 * RATES[-1]
        fate = next(row.fate for row in found.rows if row.member == copy["member"])
        assert f"from {copy['parent']} at {copy['step']}" in fate
    rates = [r["learning_rate"] for r in found.records if r["split"] == "train" and r["step"] == 30]
    assert {r["step"] for r in copies} == {10, 20}  # not after the last step
    last = {r["member"]: r["learning_rate"] for r in copies}
    expected = [last.get(member, rate) for member, rate in enumerate(RATES)]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


@pytest.mark.usefixtures("one_device")
def test_flags_that_make_no_sense_together():
    swept = {"learning_rate": np.array(RATES)}
    for options, told in [
        (SweepOptions(halve_at=(5,), perturb_every=10), "exclude each other"),
        (SweepOptions(perturb_every=7), "a multiple of --evaluate-every 10"),
    ]:
        with pytest.raises(UserError, match=told):
            choose_strategy(options, CONFIG, 4, swept)
    with pytest.raises(UserError, match="a swept number"):
        choose_strategy(SweepOptions(perturb_every=10), CONFIG, 4, {})
