import numpy as np
from matplotlib.image import imread

from experiments.grades.pictures import draw_pass_probabilities


def test_picture_depends_on_the_model(tmp_path):
    scores, optimal = [0.1, -0.5, 1.0], np.array([0.5, 0.3, 0.7])
    for name, model in (("a.png", optimal), ("b.png", 1.0 - optimal)):
        draw_pass_probabilities(scores, model, optimal, tmp_path / name)
    assert (imread(tmp_path / "a.png") != imread(tmp_path / "b.png")).any()
