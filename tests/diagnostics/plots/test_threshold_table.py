import matplotlib.image
import numpy as np

from seqmodels.diagnostics.plots.threshold_table import draw_grid


def test_green_is_solved_and_red_is_not(tmp_path):
    for name, value in (("good", 1e-3), ("bad", 0.9)):
        draw_grid({("lstm", 20): value}, tmp_path / f"{name}.png", "title", "T", 0.1)
    good, bad = (
        np.moveaxis(matplotlib.image.imread(tmp_path / f"{name}.png")[..., :3], -1, 0)
        for name in ("good", "bad")
    )
    assert (good[1] > good[0] + 0.2).mean() > 0.2 > (good[0] > good[1] + 0.2).mean()
    assert (bad[0] > bad[1] + 0.2).mean() > 0.2 > (bad[1] > bad[0] + 0.2).mean()


def test_a_missing_pair_stays_white(tmp_path):
    values = {("lstm", 20): 1e-3, ("rnn", 50): float("nan")}
    draw_grid(values, tmp_path / "grid.png", "title", "T", 0.1)
    picture = matplotlib.image.imread(tmp_path / "grid.png")[..., :3]
    coloured = (np.ptp(picture, axis=-1) > 0.2).mean()
    assert 0.1 < coloured < 0.3
