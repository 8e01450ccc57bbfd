"""Picture of an image and its predictions."""

import numpy as np
from matplotlib.image import imread

from experiments.row_digits.pictures import draw_prediction


def test_the_picture_has_the_image_on_its_left(tmp_path):
    image, probabilities = np.full((3, 4), 255, np.uint8), np.full((3, 2), 1.0)
    for name, value in (("white", 1), ("black", 0)):
        draw_prediction(value * image, probabilities, ("0", "1"), tmp_path / f"{name}.png")
    white, black = (imread(tmp_path / f"{name}.png")[..., 0] for name in ("white", "black"))
    _, columns = np.nonzero(white != black)
    assert 0 < columns.min() < columns.max() < 0.6 * white.shape[1]
