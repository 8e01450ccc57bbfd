"""Picture of an alignment: the input gets the steps of each symbol."""

import numpy as np
from matplotlib.image import imread

from seqmodels.diagnostics.plots.alignment_picture import LineAlignment, draw_alignment


def test_the_input_is_drawn_with_the_steps_of_its_symbols(tmp_path):
    posteriors = np.zeros((5, 2), np.float32)
    posteriors[0, 0] = posteriors[2:4, 1] = 1.0
    alignment = LineAlignment(["a", " "], np.array([0, 2]), np.array([0, 3]), posteriors, 4)
    seen = []

    def draw(axes, spans):
        seen.extend((span.begin, span.end) for span in spans)
        axes.imshow(np.zeros((8, 20)), extent=(0, 20, 8, 0))

    draw_alignment(draw, alignment, tmp_path / "picture.png", shared=True)
    assert seen == [(0, 4), (8, 16)]
    assert imread(tmp_path / "picture.png").std() > 0.05
