"""Bias, variance and data mismatch from the errors of the three splits.

Ng (2018), "Machine learning yearning".
"""

from collections.abc import Mapping
from typing import NamedTuple

ADVICE = {
    "bias": "bias is the largest: train longer, use a larger model, or regularize less",
    "variance": "variance is the largest: regularize more, or find more training data",
    "mismatch": "mismatch is the largest: make dev and training data more like the test data",
}


class BiasVariance(NamedTuple):
    """Differences between error rates.

    bias:     training error - target error: what the model cannot represent or did not learn
    variance: dev error - training error: overfitting
    mismatch: test error - dev error: the test data has another distribution
    """

    bias: float
    variance: float
    mismatch: float

    def advice(self) -> str:
        """Return what to do about the largest of the three."""
        return ADVICE[max(self._fields, key=lambda name: getattr(self, name))]


def bias_variance(errors: Mapping[str, float], target: float = 0.0) -> BiasVariance:
    """Return bias, variance and mismatch from the errors on train, dev and test.

    >>> bias_variance({"train": 0.25, "dev": 0.5, "test": 0.5})
    BiasVariance(bias=0.25, variance=0.25, mismatch=0.0)
    """
    train, dev, test = (errors[split] for split in ("train", "dev", "test"))
    return BiasVariance(train - target, dev - train, test - dev)
