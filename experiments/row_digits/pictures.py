"""Picture of an image and the predictions after each of its steps."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8


def draw_prediction(
    image: UInt8[np.ndarray, "height width"],
    probabilities: Float[np.ndarray, "T V"],
    classes: Sequence[str],
    path: Path,
) -> None:
    """Draw the image, and on its right the probability of each class after each step.

    If the steps are the rows of the image, both panels have the same rows.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 3.4), layout="constrained")
    width = len(classes) / 8  # of the right panel; the left one has width 1
    left, right = figure.subplots(1, 2, width_ratios=(1, width))
    left.imshow(image, cmap="gray", vmin=0, vmax=255)
    left.set_xticks([])
    left.set_yticks([])
    extent = (-0.5, len(classes) - 0.5, len(probabilities) + 0.5, 0.5)
    shades = right.imshow(
        probabilities, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto", extent=extent
    )
    right.set_box_aspect(image.shape[0] / image.shape[1] / width)  # the height of the image
    right.set_xticks(range(len(classes)), classes)
    right.set(xlabel="digit", ylabel="step")
    figure.colorbar(shades, ax=right, label="probability after this step", shrink=0.8)
    figure.savefig(path, dpi=130)
