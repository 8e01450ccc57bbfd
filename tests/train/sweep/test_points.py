"""Points of a sweep from the command line, ranges and tables."""

import math

import pytest
from toy_experiment import Config

from seqmodels.errors import UserError
from seqmodels.train.sweep.points import SweepOptions, group_by_program, make_points, take_axes


def points(text, **options):
    axes, _ = take_axes(text.split(), Config)
    return make_points(axes, SweepOptions(**options), Config())


def test_only_flags_with_several_values_become_axes():
    flags = "sweep --steps 5 --learning-rate 1e-3 3e-3 --runs here --seed=7 --units 2 4 --smoke"
    axes, rest = take_axes(flags.split(), Config)
    assert axes == {"learning_rate": (1e-3, 3e-3), "units": (2, 4)}
    assert rest == ["sweep", "--steps", "5", "--runs", "here", "--seed", "7", "--smoke"]


def test_a_grid_is_every_combination():
    found = points("--learning-rate 1e-3 1e-2 --seed 0 1 2")
    assert found == [{"learning_rate": x, "seed": s} for x in (1e-3, 1e-2) for s in (0, 1, 2)]


def test_draws_are_log_uniform_and_combined_with_every_listed_value():
    text = "--learning_rate log:1e-4:1e-2 --units linear:1:9 --seed 0 1"
    found = points(text, points=400)
    assert len(found) == 800
    rates = [math.log10(point["learning_rate"]) for point in found[::2]]
    assert -4 <= min(rates) < -3.9 < -2.1 < max(rates) <= -2
    assert abs(sum(rates) / 400 + 3) < 4 * 2 / math.sqrt(12 * 400)  # four standard errors
    assert {point["units"] for point in found} == set(range(1, 10))
    assert found[0] | {"seed": 1} == found[1]
    assert found == points(text, points=400)


def test_a_table_lists_members(tmp_path):
    table = tmp_path / "members.csv"
    table.write_text("learning_rate,optimizer\n1e-3,adam\n1e-2,sgd\n")
    found = points("--seed 0 1", table=str(table))
    assert found[2] == {"learning_rate": 1e-2, "optimizer": "sgd", "seed": 0}
    assert len(found) == 4
    table.write_text("colour\nred\n")
    with pytest.raises(UserError, match="unknown columns colour"):
        points("", table=str(table))


def test_flags_that_are_not_rates_select_another_program():
    found = points("--units 2 3 --seed 0 1 --noise 0 0.5")
    groups = group_by_program(found, {"noise", "seed"})
    assert groups == [[0, 1, 2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--learning-rate 1e-3 fast", "--learning-rate fast: expected a number"),
        ("--learning-rate log:0:1", "log bounds must be above 0"),
        ("--learning-rate log:1e-2", "give a single range"),
        ("--optimizer adam foo", "--optimizer foo: choose from adam"),
        ("--steps 5", "nothing to sweep: give a flag several values"),
        ("--table nowhere.csv", "nothing to sweep: give a flag several values"),
    ],
)
def test_wrong_flags_are_refused(text, message):
    with pytest.raises(UserError, match=message):
        points(text)


def test_an_unreadable_table_is_refused():
    with pytest.raises(UserError, match=r"--table nowhere.csv cannot be read"):
        points("", table="nowhere.csv")
