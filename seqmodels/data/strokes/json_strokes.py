"""Handwriting in JSON, as a list or one object per line.

    {"text": "the", "writer": "anna", "strokes": [[[0, 0], [3, 8]], [[5, 4], [9, 4]]]}

A stroke is a list of points ``[x, y]``. Further numbers of a point, such as its time or pressure,
are ignored. y points upward, or downward if the object has ``"y_down": true``, as on screens.
``writer`` may be missing; then each object counts as a writer. ``text`` may be missing in what is
only to be recognized.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from seqmodels.data.handwriting import Sample, split_by_writer
from seqmodels.data.splits import Splits
from seqmodels.data.strokes.strokes import Ink, clean, ink_of_strokes
from seqmodels.errors import UserError

EXPECTED = 'expected {"text": ..., "writer": ..., "strokes": [[[x, y], ...], ...]}'


def read_json_strokes(path: str | Path) -> Splits:
    """Read a file, and split 80 / 10 / 10 % by writer; every object needs a text."""
    samples = read_json_samples(path)
    for sample in samples:
        if not sample.text:
            raise UserError(f'--data {sample.name} has no "text"')
    return split_by_writer(samples)


def read_json_samples(path: str | Path) -> list[Sample]:
    """Read all objects of a file; objects without points are an error."""
    path = Path(path).expanduser()
    try:
        text = path.read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--data {path} cannot be read: {error}") from None
    if not text:
        raise UserError(f"--data {path} is empty; {EXPECTED}")
    return [_sample(f"{path}, {place}", value) for place, value in _objects(path, text)]


def _objects(path: Path, text: str) -> list[tuple[str, Any]]:
    """Return the place and value of each object."""
    try:
        if text.startswith("["):
            return [(f"item {n}", value) for n, value in enumerate(json.loads(text), 1)]
        lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
        if len(lines) > 1 and lines[0][1].strip() == "{":  # one object, indented
            return [("item 1", json.loads(text))]
        return [(f"line {n}", json.loads(line)) for n, line in lines]
    except json.JSONDecodeError as error:
        raise UserError(f"--data {path} is not JSON: {error}; {EXPECTED}") from None


def _sample(place: str, value: Any) -> Sample:
    try:
        ink = _ink(value["strokes"])
    except (KeyError, TypeError, ValueError, IndexError):
        raise UserError(f"--data {place}: {EXPECTED}") from None
    if len(ink.lifts) == 0:
        raise UserError(f"--data {place}: the strokes have no points")
    if value.get("y_down"):
        ink = ink._replace(points=ink.points * np.array([1, -1], np.float32))
    return Sample(str(value.get("text", "")), str(value.get("writer", place)), ink, None, place)


def _ink(strokes: Any) -> Ink:
    points = [[[float(point[0]), float(point[1])] for point in stroke] for stroke in strokes]
    return clean(ink_of_strokes([np.array(stroke, np.float32) for stroke in points]))
