"""Tables of the worst mistakes and their causes."""

import csv

import numpy as np
import pytest

from seqmodels.diagnostics.errors.mistakes import read_causes, worst_mistakes, write_mistakes
from seqmodels.diagnostics.errors.predictions import Predictions
from seqmodels.errors import UserError

PREDICTIONS = Predictions(
    np.array([[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.6, 0.1, 0.3], [0.1, 0.2, 0.7]]),
    np.array([0, 2, 1, 0]),
)
CLASSES = ("cat", "dog", "owl")
EXAMPLES = ("right", "text, with comma", "line\nbreak", "third")


def test_worst_mistakes_come_first():
    assert PREDICTIONS.error == 0.75
    np.testing.assert_array_equal(worst_mistakes(PREDICTIONS, 10), [2, 3, 1])
    np.testing.assert_array_equal(worst_mistakes(PREDICTIONS, 2), [2, 3])


def test_labeled_mistakes_become_a_table_of_causes(tmp_path):
    path = tmp_path / "mistakes.csv"
    write_mistakes(path, PREDICTIONS, EXAMPLES, CLASSES, 10)
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
    assert first.remaining_error == pytest.approx(0.1)
    assert second.remaining_error == pytest.approx(0.2)


def test_examples_without_texts_have_rows(tmp_path):
    write_mistakes(tmp_path / "mistakes.csv", PREDICTIONS, (), CLASSES, 1)
    assert (tmp_path / "mistakes.csv").read_text().splitlines()[1] == "2,,dog,cat,0.1000,"


@pytest.mark.parametrize(
    ("name", "message"),
    [("other.csv", "no column 'cause'"), ("missing.csv", "missing.csv: No such file")],
)
def test_a_file_without_causes_is_refused(name, message, tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=message):
        read_causes(tmp_path / name, 0.1)
