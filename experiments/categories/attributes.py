"""Attributes of examples (price, city, year) as features: numbers scaled, names one-hot."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

Rows = Sequence[tuple[str, ...]]
Scheme = list[dict[str, Any]]


def attribute_scheme(rows: Rows, most: int = 50) -> Scheme:
    """How to turn each column into features, in a form that JSON can hold.

    A column of numbers becomes ``asinh``, scaled to mean 0 and deviation 1, and whether it is
    there at all; any other column the one-hot of its ``most`` commonest values.
    """
    return [_column(values, most) for values in zip(*rows, strict=True)]


def _column(values: Sequence[str], most: int) -> dict[str, Any]:
    given = [value for value in values if value.strip()]
    numbers = [number for value in given if (number := _number(value)) is not None]
    if given and len(numbers) == len(given):
        scaled = np.arcsinh(numbers)
        return {"mean": float(scaled.mean()), "deviation": float(scaled.std()) or 1.0}
    return {"values": [value for value, _ in Counter(given).most_common(most)]}


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def attribute_features(rows: Rows, scheme: Scheme) -> Float[np.ndarray, "N S"]:
    """The features of every example; zeros for what is missing or was never seen."""
    columns = [
        np.array([_features(value, column) for value in values], np.float32)
        for values, column in zip(zip(*rows, strict=True), scheme, strict=True)
    ]
    return np.concatenate(columns, axis=1)


def attribute_size(scheme: Scheme) -> int:
    """Features of one example."""
    return sum(len(column["values"]) if "values" in column else 2 for column in scheme)


def _features(value: str, column: Mapping[str, Any]) -> list[float]:
    if "values" in column:
        return [float(value == known) for known in column["values"]]
    number = _number(value)
    if number is None:
        return [0.0, 0.0]
    return [(float(np.arcsinh(number)) - column["mean"]) / column["deviation"], 1.0]
