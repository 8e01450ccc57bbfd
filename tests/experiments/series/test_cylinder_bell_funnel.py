"""Generated series."""

from collections import Counter

import numpy as np

from experiments.series.cylinder_bell_funnel import cylinder_bell_funnel
from experiments.series.nearest_neighbor import nearest_neighbor_accuracy


def test_classes_are_balanced_and_neither_trivial_nor_random():
    train, dev = cylinder_bell_funnel(60), cylinder_bell_funnel(90, seed=1)
    assert Counter(s.label for s in dev) == {"bell": 30, "cylinder": 30, "funnel": 30}
    (accuracy,) = nearest_neighbor_accuracy(train, dev)
    assert 0.5 < accuracy < 1.0
    bells = np.stack([s.values[:, 0] for s in dev if s.label == "bell"])
    before, inside = bells[:, :15], bells[:, 40:48]
    assert abs(before.mean()) < 0.2
    assert inside.mean() > 0.5
