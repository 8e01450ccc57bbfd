"""Nearest-neighbor classifier of series, the baseline."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from experiments.series.ts_files import Series


def nearest_neighbor_accuracy(
    train: Sequence[Series], *others: Sequence[Series], steps: int = 64
) -> list[float]:
    """Return the accuracy of the nearest training series' class on each of the other splits.

    The series are resampled to one length.
    """
    from sklearn.neighbors import KNeighborsClassifier

    def inputs(part: Sequence[Series]) -> np.ndarray:
        return resample([one.values for one in part], steps)

    model = KNeighborsClassifier(1).fit(inputs(train), [one.label for one in train])
    return [float(model.score(inputs(part), [one.label for one in part])) for part in others]


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
