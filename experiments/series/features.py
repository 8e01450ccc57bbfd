"""Series as the fields of a classifier: squashed, standardized, in patches of several steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from experiments.series.ts_files import Series
from seqmodels.data.class_labels import class_indices
from seqmodels.data.ragged import ragged
from seqmodels.errors import UserError


def series_metadata(train: Sequence[Series], patch: int, squash: bool = False) -> dict[str, Any]:
    """Return the classes and scales of the training series, and the size of a patch.

    With ``squash``, a value x becomes asinh(x / s), where s is the median over the series of their
    standard deviations. Then series whose amplitudes differ by orders of magnitude have comparable
    inputs.
    """
    typical = np.median([series.values.std(axis=0) for series in train], axis=0)
    unit = np.maximum(typical, 1e-30).tolist() if squash else None
    squashed = [_squash(series.values, unit) for series in train]
    values = np.concatenate(squashed).astype(np.float64)
    return {
        "unit": unit,
        "classes": sorted({series.label for series in train}),
        "mean": values.mean(axis=0).tolist(),
        "deviation": np.maximum(values.std(axis=0), 1e-8).tolist(),
        "patch": patch,
    }


def series_features(
    values: Float[np.ndarray, "T D"], metadata: Mapping[str, Any]
) -> Float[np.ndarray, "P F"]:
    """Standardize a series by the training series, and join its steps to patches."""
    values = _squash(values, metadata.get("unit"))
    standard = (values - np.array(metadata["mean"])) / np.array(metadata["deviation"])
    return join_steps(standard.astype(np.float32), metadata["patch"])


def _squash(values: Float[np.ndarray, "T D"], unit: Sequence[float] | None) -> np.ndarray:
    return values if unit is None else np.arcsinh(values / np.array(unit))


def join_steps(values: Float[np.ndarray, "T D"], size: int) -> Float[np.ndarray, "P size_times_D"]:
    """Concatenate the features of each ``size`` steps; the last step is repeated as padding."""
    missing = -len(values) % size
    padded = np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])
    return padded.reshape(len(padded) // size, -1)


def series_fields(series: Sequence[Series], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields ``x``, the features, and ``label``, the index of the class."""
    count, trained = series[0].values.shape[1], len(metadata["mean"])
    if count != trained:
        raise UserError(f"--data has series of {count} variables; the run was trained on {trained}")
    return {
        "x": ragged([series_features(one.values, metadata) for one in series]),
        "label": class_indices([one.label for one in series], metadata["classes"]),
    }
