"""Tables colored by a threshold."""

import matplotlib.image
import numpy as np

from seqmodels.diagnostics.plots.threshold_table import draw_threshold_table


def test_values_below_the_threshold_are_green_and_others_red(tmp_path):
    for name, value in (("good", 1e-3), ("bad", 0.9)):
        draw_threshold_table({("lstm", 20): value}, tmp_path / f"{name}.png", "title", "T", 0.1)
    good, bad = (
        np.moveaxis(matplotlib.image.imread(tmp_path / f"{name}.png")[..., :3], -1, 0)
        for name in ("good", "bad")
    )
    assert (good[1] > good[0] + 0.2).mean() > 0.2 > (good[0] > good[1] + 0.2).mean()
    assert (bad[0] > bad[1] + 0.2).mean() > 0.2 > (bad[1] > bad[0] + 0.2).mean()


def test_missing_values_stay_white(tmp_path):
    values = {("lstm", 20): 1e-3, ("rnn", 50): float("nan")}
    draw_threshold_table(values, tmp_path / "table.png", "title", "T", 0.1)
    picture = matplotlib.image.imread(tmp_path / "table.png")[..., :3]
    colored = (np.ptp(picture, axis=-1) > 0.2).mean()
    assert 0.1 < colored < 0.3
