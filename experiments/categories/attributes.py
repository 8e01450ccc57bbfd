"""Attributes of examples (price, city, year) as features: numbers scaled, names one-hot."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

Attributes = Sequence[tuple[str, ...]]
Encoding = list[dict[str, Any]]


def attribute_encoding(rows: Attributes, limit: int = 50) -> Encoding:
    """Return the encoding of each column as features, as JSON.

    A numeric column becomes two features, ``asinh`` scaled to mean 0 and standard deviation 1, and
    whether the value is present. Any other column is one-hot over its ``limit`` most frequent
    values.
    """
    return [_column_encoding(values, limit) for values in zip(*rows, strict=True)]


def _column_encoding(values: Sequence[str], limit: int) -> dict[str, Any]:
    present = [value for value in values if value.strip()]
    numbers = [number for value in present if (number := _number(value)) is not None]
    if present and len(numbers) == len(present):
        scaled = np.arcsinh(numbers)
        return {"mean": float(scaled.mean()), "deviation": float(scaled.std()) or 1.0}
    return {"values": [value for value, _ in Counter(present).most_common(limit)]}


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def attribute_features(rows: Attributes, encoding: Encoding) -> Float[np.ndarray, "N S"]:
    """Return the features of every example; absent and unseen values are zeros."""
    columns = [
        np.array([_features(value, column) for value in values], np.float32)
        for values, column in zip(zip(*rows, strict=True), encoding, strict=True)
    ]
    return np.concatenate(columns, axis=1)


def attribute_size(encoding: Encoding) -> int:
    """Return the number of features of one example."""
    return sum(len(column["values"]) if "values" in column else 2 for column in encoding)


def _features(value: str, column: Mapping[str, Any]) -> list[float]:
    if "values" in column:
        return [float(value == known) for known in column["values"]]
    number = _number(value)
    if number is None:
        return [0.0, 0.0]
    return [(float(np.arcsinh(number)) - column["mean"]) / column["deviation"], 1.0]
