"""Strokes in JSON."""

import json

import numpy as np
import pytest

from seqmodels.data.strokes.json_strokes import read_json_samples, read_json_strokes
from seqmodels.data.strokes.strokes import split_strokes
from seqmodels.errors import UserError

ITEMS = [
    {"text": "the", "writer": "anna", "strokes": [[[0, 0], [3.5, 8]], [], [[5, 4], [9, 4]]]},
    {"strokes": [[[1, 2, 0.5], [3, 4, 0.6]]], "y_down": True},
]


@pytest.mark.parametrize("layout", ["list", "lines", "indented"])
def test_items_are_read_in_each_layout(layout, tmp_path):
    path = tmp_path / "ink.json"
    lines = "\n\n".join(json.dumps(item) for item in ITEMS)
    path.write_text(
        {"list": json.dumps(ITEMS), "lines": lines, "indented": json.dumps(ITEMS[0], indent=2)}[
            layout
        ]
    )
    first, *others = read_json_samples(path)
    assert (first.text, first.writer) == ("the", "anna")
    np.testing.assert_array_equal(split_strokes(first.ink)[0], [[0, 0], [3.5, 8]])
    assert len(split_strokes(first.ink)) == 2
    for other in others:
        assert other.text == ""
        np.testing.assert_array_equal(other.ink.points, [[1, -2], [3, -4]])
        with pytest.raises(UserError, match=r'ink.json, (item|line) \d has no "text"'):
            read_json_strokes(path)


def test_all_items_are_in_one_of_the_splits(tmp_path):
    path = tmp_path / "ink.jsonl"
    path.write_text("\n".join(json.dumps(ITEMS[0] | {"writer": n}) for n in range(50)))
    assert sorted(int(s.writer) for part in read_json_strokes(path) for s in part) == [*range(50)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("{", "is not JSON"),
        ('{"text": "a"}', 'line 1: expected {"text"'),
        ("[[1, 2]]", "item 1: expected"),
        ('{"strokes": [[[1], [2]]]}', "line 1: expected"),
        ('{"strokes": [["ab"]]}', "line 1: expected"),
        ('{"strokes": [[], []]}', "line 1: the strokes have no points"),
        ('{"strokes": []}', "line 1: the strokes have no points"),
        ("7", "line 1: expected"),
    ],
)
def test_faulty_files_are_refused(content, message, tmp_path):
    path = tmp_path / "ink.json"
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        read_json_samples(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_json_samples(tmp_path / "missing.json")
