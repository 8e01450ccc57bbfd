"""Calibration of class probabilities, Guo et al. (2017), arXiv:1706.04599."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Calibration(NamedTuple):
    """Mean confidence and accuracy in bins of equal width; NaN where a bin is empty."""

    confidence: Float[np.ndarray, "bins"]
    accuracy: Float[np.ndarray, "bins"]
    counts: Int[np.ndarray, "bins"]

    @property
    def error(self) -> float:
        """Expected calibration error, ``sum_b (n_b / N) |accuracy_b - confidence_b|``."""
        gap = np.abs(self.accuracy - self.confidence)
        return float(np.nansum(self.counts * gap) / self.counts.sum())


def calibration(
    probabilities: Float[np.ndarray, "N V"], labels: Int[np.ndarray, "N"], bins: int = 15
) -> Calibration:
    """Return the accuracy at each confidence, which is the largest class probability."""
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(bin_of, minlength=bins)
    divisor = np.where(counts, counts, np.nan)
    return Calibration(
        np.bincount(bin_of, confidence.astype(np.float64), bins) / divisor,
        np.bincount(bin_of, correct.astype(np.float64), bins) / divisor,
        counts,
    )
