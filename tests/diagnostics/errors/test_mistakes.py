import csv

import numpy as np
import pytest
from matplotlib.image import imread
from sklearn.calibration import calibration_curve

from seqmodels.diagnostics.errors.calibration import reliability
from seqmodels.diagnostics.errors.constraints import Candidate, best, read_constraint
from seqmodels.diagnostics.errors.mistakes import (
    Answers,
    read_causes,
    read_errors,
    worst_mistakes,
    write_mistakes,
)
from seqmodels.diagnostics.plots.confusion import draw_confusion, draw_reliability
from seqmodels.errors import UserError
from seqmodels.train.config import Metric

GIVEN = Answers(
    np.array([[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.6, 0.1, 0.3], [0.1, 0.2, 0.7]]),
    np.array([0, 2, 1, 0]),
)
CLASSES = ("cat", "dog", "owl")
SHOWN = ("right", "text, with comma", "line\nbreak", "third")


def drawn(count=400, seed=0):
    """Answers of a model that is right exactly as often as it says."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([0.5, 0.5, 0.5], count)
    labels = np.array([random.choice(3, p=p) for p in probabilities])
    return Answers(probabilities, labels)


@pytest.mark.parametrize(
    ("errors", "largest"),
    [((0.3, 0.35, 0.36), "bias"), ((0.02, 0.2, 0.21), "variance"), ((0.02, 0.05, 0.3), "mismatch")],
)
def test_the_reading_names_the_largest_of_three_differences(errors, largest):
    reading = read_errors(dict(zip(("train", "dev", "test"), errors, strict=True)), target=0.01)
    assert sum(reading) == pytest.approx(errors[2] - 0.01)
    assert reading.advice().startswith(largest)


def test_worst_mistakes_come_first():
    assert GIVEN.error == 0.75
    np.testing.assert_array_equal(worst_mistakes(GIVEN, 10), [2, 3, 1])
    np.testing.assert_array_equal(worst_mistakes(GIVEN, 2), [2, 3])


def test_a_rare_class_counts_as_much_as_a_common_one():
    """Four labels a, two b, one of them found; c is never a label: (8/9 + 2/3) / 2."""
    labels, chosen = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 0, 0, 1])
    given = Answers(np.eye(3)[chosen], labels)
    assert given.macro_f1 == pytest.approx((8 / 9 + 2 / 3) / 2)
    assert given.majority == pytest.approx(1 / 3)
    assert Answers(np.eye(3)[labels], labels).macro_f1 == 1.0


def test_mistakes_labelled_by_a_person_become_a_table_of_causes(tmp_path):
    path = tmp_path / "mistakes.csv"
    write_mistakes(path, GIVEN, SHOWN, CLASSES, 10)
    with pytest.raises(UserError, match="'cause' is empty"):
        read_causes(path, 0.5)
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert rows[0] == ["2", "line\nbreak", "dog", "cat", "0.1000", ""]
    for row, cause in zip(rows, ("Wrong label ", "irony", "wrong label"), strict=True):
        row[-1] = cause
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    first, second = read_causes(path, error=0.3)
    assert (first.name, first.mistakes, second.name) == ("wrong label", 2, "irony")
    assert first.ceiling == pytest.approx(0.1)
    assert second.ceiling == pytest.approx(0.2)


def test_a_file_without_causes_gets_one_line(tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    for name, told in (("other.csv", "no column 'cause'"), ("missing.csv", "No such file")):
        with pytest.raises(UserError, match=told):
            read_causes(tmp_path / name, 0.1)


def test_reliability_agrees_with_scikit_learn():
    given = drawn()
    confidence, right = given.probabilities.max(axis=1), ~given.wrong
    accuracy, mean = calibration_curve(right, confidence, n_bins=10)
    found = reliability(given.probabilities, given.labels, bins=10)
    some = found.counts > 0
    np.testing.assert_allclose(found.accuracy[some], accuracy)
    np.testing.assert_allclose(found.confidence[some], mean)
    assert found.counts.sum() == 400


def test_calibration_error_is_zero_for_honest_and_large_for_boasting_answers():
    honest = drawn(20_000)
    assert reliability(honest.probabilities, honest.labels).error < 0.015
    boasting = np.eye(3)[honest.probabilities.argmax(axis=1)]
    assert reliability(boasting, honest.labels).error == pytest.approx(honest.error)


def test_pictures_show_something(tmp_path):
    given = drawn()
    draw_reliability(reliability(given.probabilities, given.labels), tmp_path / "r.png")
    answers = given.probabilities.argmax(axis=1)
    draw_confusion(given.labels, answers, CLASSES, tmp_path / "c.png")
    for name in ("r.png", "c.png"):
        assert imread(tmp_path / name).std() > 0.05


RUNS = [
    Candidate("large", 0.95, {"params": 1e7, "latency_ms": 9.0}),
    Candidate("small", 0.90, {"params": 1e5, "latency_ms": 1.0}),
    Candidate("slow", 0.93, {"params": 1e4, "latency_ms": 20.0}),
]


@pytest.mark.parametrize(
    ("limits", "chosen"),
    [
        ((), "large"),
        (("params<=1e6",), "slow"),
        (("params <= 1e6", "latency_ms<=5"), "small"),
        (("params>=1000000", "latency_ms<=5"), None),
    ],
)
def test_the_best_is_the_best_of_those_that_meet_every_constraint(limits, chosen):
    found = best(RUNS, Metric("accuracy", False), [read_constraint(limit) for limit in limits])
    assert (found.name if found else None) == chosen


@pytest.mark.parametrize("text", ["params", "params<1e6", "speed<=3", "params<=many", "params<=-"])
def test_a_constraint_that_is_none_gets_one_line(text):
    with pytest.raises(UserError, match="is not understood"):
        read_constraint(text)
