"""Reliability diagrams."""

import numpy as np
from matplotlib.image import imread

from seqmodels.diagnostics.errors.calibration import calibration
from seqmodels.diagnostics.plots.reliability_diagram import draw_reliability_diagram


def test_the_picture_is_not_blank(tmp_path):
    random = np.random.default_rng(0)
    found = calibration(random.dirichlet([0.5, 0.5, 0.5], 400), random.integers(0, 3, 400))
    draw_reliability_diagram(found, tmp_path / "reliability.png")
    assert imread(tmp_path / "reliability.png").std() > 0.05
