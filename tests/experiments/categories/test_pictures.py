import numpy as np
from matplotlib.image import imread

from experiments.categories.pictures import draw_levels


def test_picture_depends_on_the_probabilities(tmp_path):
    coarse, parents = np.array([0.7, 0.3]), np.array([0, 0, 1])
    names = ["a", "b"], ["a:x", "a:y", "b"]
    for name, fine in (("1.png", [0.6, 0.1, 0.3]), ("2.png", [0.5, 0.2, 0.3])):
        draw_levels(coarse, np.array(fine), *names, parents, 5, tmp_path / name)
    assert (imread(tmp_path / "1.png") != imread(tmp_path / "2.png")).any()
