"""The nearest-neighbor baseline."""

import numpy as np

from experiments.series.nearest_neighbor import resample


def test_resampling_keeps_lines_straight():
    line = np.stack([np.linspace(0, 1, 7), np.linspace(3, -3, 7)], axis=1)
    found = resample([line, line[::3]], 5).reshape(2, 2, 5)
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    np.testing.assert_allclose(found[0, 1], [3, 1.5, 0, -1.5, -3])
