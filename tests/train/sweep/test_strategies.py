"""Successive halving and population based training: as pure functions, and in a sweep."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_experiment import EXPERIMENT, configure, sweep_data

from seqmodels.errors import UserError
from seqmodels.train.sweep.points import SweepOptions
from seqmodels.train.sweep.strategies import (
    Evaluation,
    choose_strategy,
    population_based_training,
    successive_halving,
)
from seqmodels.train.sweep.sweep import sweep

CONFIG = configure(steps=30, evaluate_every=10, dispatch=10)
RATES = [1e-4, 1e-3, 1e-2, 1e-1]


def evaluation(step, values, rates):
    return Evaluation(step, np.array(values), {"learning_rate": np.array(rates)})


@given(st.lists(st.floats(0, 10), min_size=1, max_size=20), st.integers(0, 40))
def test_halving_keeps_the_better_half_at_each_step(values, step):
    select = successive_halving((10, 20), len(values))
    expected = -(-len(values) // {0: 1, 1: 2, 2: 4}[min(step // 10, 2)])
    selection = select(evaluation(step, values, values))
    if expected == len(values):
        assert selection is None
    else:
        kept = set(selection.parents.tolist())
        assert len(kept) == expected
        worst_kept = max(values[i] for i in kept)
        assert all(values[i] >= worst_kept for i in set(range(len(values))) - kept)
        np.testing.assert_array_equal(
            selection.rates["learning_rate"], np.array(values)[selection.parents]
        )


def test_the_worst_quarter_is_replaced_by_perturbed_copies_of_the_best():
    values, rates = [3.0, 1.0, 2.0, np.inf, 5.0, 0.5, 4.0, 6.0], np.linspace(0.1, 0.8, 8)
    select = population_based_training(10, {"learning_rate": (0.15, 0.55)}, seed=0)
    assert select(evaluation(5, values, rates)) is None
    selection = select(evaluation(10, values, rates))
    copies = [i for i, parent in enumerate(selection.parents) if parent != i]
    assert copies == [3, 7]  # the diverged member and the worst one
    assert {selection.parents[i] for i in copies} <= {1, 5}
    for i in copies:
        parent = rates[selection.parents[i]]
        options = np.clip([parent * 1.25, parent / 1.25], 0.15, 0.55)
        assert min(abs(options - selection.rates["learning_rate"][i])) < 1e-9
    others = [i for i in range(8) if i not in copies]
    np.testing.assert_array_equal(selection.rates["learning_rate"][others], rates[others])
    again = select(evaluation(10, values, rates))
    np.testing.assert_array_equal(again.parents, selection.parents)


def run_sweep(**options):
    return sweep(
        sweep_data,
        [{"learning_rate": rate} for rate in RATES],
        CONFIG,
        metric=EXPERIMENT.metric,
        initial_rates=EXPERIMENT.initial_rates,
        options=SweepOptions(**options),
    )


@pytest.mark.usefixtures("one_device")
def test_halving_does_not_change_the_other_members():
    whole, halved = run_sweep(), run_sweep(halve_at=(5, 15))
    dropped = {r["member"]: r["step"] for r in halved.records if r["split"] == "dropped"}
    assert sorted(dropped.values()) == [10, 10, 20]
    winner = halved.rows[0].member
    assert winner not in dropped

    def curve(result, member):
        return [r["error"] for r in result.records if r["split"] == "dev" and r["member"] == member]

    for member in range(4):
        expected = curve(whole, member)[: dropped.get(member, 30) // 10]
        np.testing.assert_allclose(curve(halved, member), expected, rtol=1e-5)
    expected = {member: f"dropped at {step}" for member, step in dropped.items()}
    expected[winner] = "trained to 30"
    assert {row.member: row.status for row in halved.rows} == expected


@pytest.mark.usefixtures("one_device")
def test_copies_record_their_parents():
    result = run_sweep(perturb_every=10)
    copies = [r for r in result.records if r["split"] == "copied"]
    assert copies
    for copy in copies:
        assert copy["parent"] != copy["member"]
        assert 0.99 * RATES[0] <= copy["learning_rate"] <= 1.01 * RATES[-1]
        status = next(row.status for row in result.rows if row.member == copy["member"])
        assert f"from {copy['parent']} at {copy['step']}" in status
    last = [r for r in result.records if r["split"] == "train" and r["step"] == 30]
    assert {r["step"] for r in copies} == {10, 20}  # not after the last step
    changed = {r["member"]: r["learning_rate"] for r in copies}
    expected = [changed.get(member, rate) for member, rate in enumerate(RATES)]
    np.testing.assert_allclose([r["learning_rate"] for r in last], expected, rtol=1e-6)


def test_contradictory_flags_are_refused():
    swept = {"learning_rate": np.array(RATES)}
    for options, message in [
        (SweepOptions(halve_at=(5,), perturb_every=10), "exclude each other"),
        (SweepOptions(perturb_every=7), "a multiple of --evaluate-every 10"),
    ]:
        with pytest.raises(UserError, match=message):
            choose_strategy(options, CONFIG.training, 4, swept)
    with pytest.raises(UserError, match="sweep a flag such as --learning-rate"):
        choose_strategy(SweepOptions(perturb_every=10), CONFIG.training, 4, {})
