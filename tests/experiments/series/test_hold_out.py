"""The dev split of the training series."""

from collections import Counter

import numpy as np

from experiments.series.hold_out import hold_out
from experiments.series.ts_files import Series


def test_every_class_has_its_share_in_dev():
    series = [Series(np.full((1, 1), n, np.float32), "aab"[n % 3]) for n in range(60)]
    train, dev = hold_out(series, 0.2)
    assert Counter(s.label for s in dev) == {"a": 8, "b": 4}
    assert sorted(int(s.values[0, 0]) for s in train + dev) == list(range(60))
    assert hold_out(series, 0.0) == (series, series)
    assert Counter(s.label for s in hold_out(series[:3], 0.1)[1]) == {"a": 1}
