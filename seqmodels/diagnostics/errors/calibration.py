"""Whether a model is right as often as it says, after Guo et al. (2017), arXiv:1706.04599."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Reliability(NamedTuple):
    """Answers by their confidence, in bins of equal width; ``nan`` where a bin is empty."""

    confidence: Float[np.ndarray, "bins"]
    accuracy: Float[np.ndarray, "bins"]
    counts: Int[np.ndarray, "bins"]

    @property
    def error(self) -> float:
        """Expected calibration error, ``sum_b (n_b / N) |accuracy_b - confidence_b|``."""
        gap = np.abs(self.accuracy - self.confidence)
        return float(np.nansum(self.counts * gap) / self.counts.sum())


def reliability(
    probabilities: Float[np.ndarray, "N V"], labels: Int[np.ndarray, "N"], bins: int = 15
) -> Reliability:
    """How often answers of each confidence are right; confidence is the largest probability."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(places, minlength=bins)
    share = np.where(count, count, np.nan)
    return Reliability(
        np.bincount(places, confidence.astype(np.float64), bins) / share,
        np.bincount(places, right.astype(np.float64), bins) / share,
        count,
    )
