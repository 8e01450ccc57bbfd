"""Pictures of piano rolls."""

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from seqmodels.data.music.rolls import frames_from_chords
from seqmodels.diagnostics.plots.piano_roll import (
    NOTES,
    PRIMER,
    draw_piano_roll,
    draw_piano_rolls,
)

FRAMES = frames_from_chords([[60, 64]] * 12 + [[]] * 4 + [[62, 65, 90]] * 24)


def area(picture: np.ndarray, color: str) -> int:
    return int((np.abs(picture[..., :3] - to_rgb(color)) < 0.01).all(axis=-1).sum())


def test_the_primer_has_its_color(tmp_path):
    """The areas are in the proportion of the frames: 2 * 6 to 2 * 6 + 3 * 24."""
    path = tmp_path / "x.png"
    nats = np.linspace(0.0, 9.0, len(FRAMES))
    draw_piano_roll(FRAMES, path, primer=6, bar=4, nats=nats, title="$x_1$")
    picture = matplotlib.image.imread(path)
    # The legend has some of both colors.
    share = area(picture, PRIMER) / (area(picture, PRIMER) + area(picture, NOTES))
    assert share == pytest.approx(12 / 96, rel=0.25)


def test_several_rolls_and_silence(tmp_path):
    path = tmp_path / "x.png"
    draw_piano_rolls([FRAMES, FRAMES[:20], FRAMES[12:16]], ["a", "b", "silence"], path, bar=4)
    picture = matplotlib.image.imread(path)
    thirds = [area(part, NOTES) for part in np.array_split(picture, 3)]
    assert thirds[0] > thirds[1] > thirds[2] == area(picture, PRIMER) == 0
    draw_piano_roll(FRAMES[:0], path)
    assert area(matplotlib.image.imread(path), NOTES) == 0
