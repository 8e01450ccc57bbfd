"""Nearest-neighbor classifier of series, the baseline."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from experiments.series.ts_files import Series


def nearest_neighbor_accuracy(
    train: Sequence[Series], other: Sequence[Series], steps: int = 64
) -> float:
    """Return the accuracy of the nearest training series' class, after resampling to one length."""
    from sklearn.neighbors import KNeighborsClassifier

    xs, others = (resample([one.values for one in part], steps) for part in (train, other))
    model = KNeighborsClassifier(1).fit(xs, [one.label for one in train])
    return float(model.score(others, [one.label for one in other]))


def resample(series: Sequence[np.ndarray], steps: int) -> Float[np.ndarray, "N D_times_T"]:
    """Interpolate every series linearly at this number of steps, and flatten it."""
    columns = [
        [
            np.interp(np.linspace(0.0, len(values) - 1.0, steps), np.arange(len(values)), column)
            for column in values.T
        ]
        for values in series
    ]
    return np.array(columns, np.float32).reshape(len(series), -1)
