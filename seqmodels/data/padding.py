"""The cost of padding examples to a few lengths."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqmodels.data.batching import Bucket


class Padding(NamedTuple):
    """The share of the time steps of an epoch that is padding, and the bucket that wastes most.

    share:   padded time steps as a fraction of all time steps
    longest: longest example of the bucket
    typical: length that 99 % of its examples do not exceed
    excess:  fraction of all time steps that the bucket would save if no example were longer
    """

    share: float
    longest: int
    typical: int
    excess: float


def padding(buckets: Sequence[Bucket]) -> Padding:
    """Return the cost of padding with these buckets.

    >>> lengths = np.array([10] * 99 + [100])
    >>> padding([Bucket(np.arange(100), 50, 2, {"x": 100}, lengths)])
    Padding(share=0.891, longest=100, typical=10, excess=0.9)
    """
    rows = [bucket.size * bucket.steps for bucket in buckets]
    longest = [int(bucket.longest.max()) for bucket in buckets]
    typical = [int(np.quantile(b.longest, 0.99, method="inverted_cdf")) for b in buckets]
    total = sum(count * length for count, length in zip(rows, longest, strict=True))
    used = sum(int(bucket.longest.sum()) for bucket in buckets)
    excess = [
        count * (most - usual) / total
        for count, most, usual in zip(rows, longest, typical, strict=True)
    ]
    worst = int(np.argmax(excess))
    return Padding(1.0 - used / total, longest[worst], typical[worst], excess[worst])
