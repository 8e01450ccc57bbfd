"""Ink drawn as images."""

import numpy as np
import pytest

from seqmodels.data.handwriting import Sample
from seqmodels.data.images.ink_drawing import draw_ink, draw_samples
from seqmodels.data.strokes.strokes import ink_of_strokes
from seqmodels.errors import UserError


def distance(points, a, b):
    """Return the distance of points from the segment from a to b."""
    along = np.clip(((points - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
    return np.linalg.norm(points - (a + along[..., None] * (b - a)), axis=-1)


def test_pixels_near_a_line_are_ink_and_others_are_not():
    a, b = np.array([0.0, -0.4]), np.array([1.5, 0.4])
    height, pen, unit = 40, 0.1, 0.5
    image = draw_ink(ink_of_strokes([np.stack([a, b])]), height, pen, unit)
    left = 1 + pen * height / 2  # the margin and half of the pen
    rows, columns = np.indices(image.shape) + 0.5
    points = np.stack([columns - left, height / 2 - rows], axis=-1) / (unit * height)
    away = distance(points, a, b) * unit * height - pen * height / 2
    assert image[away < -1].min() > 0.9
    assert image[away > 1].max() < 0.1
    assert image[np.abs(away) < 0.3].mean() == pytest.approx(0.5, abs=0.15)


def test_high_ink_is_drawn_smaller_and_dots_are_round():
    high = ink_of_strokes([np.array([[0.0, -5], [0, 9]]), np.array([[1.0, 9]])])
    image = draw_ink(high, 32)
    assert image.shape[0] == 32
    rows = np.flatnonzero(image.max(axis=1) > 0.5)
    assert rows[0] <= 2
    assert rows[-1] >= 29
    dot = draw_ink(ink_of_strokes([np.array([[0.0, 0]])]), 32, pen=0.25)
    assert dot.sum() == pytest.approx(np.pi * 4**2, rel=0.1)
    assert draw_ink(ink_of_strokes([]), 32).shape == (32, 1)


def test_samples_are_drawn_at_one_size():
    stroke = np.array([[0.0, 0], [3, 8], [6, 0], [9, 8]])
    samples = [Sample("w", "x", ink_of_strokes([stroke * size])) for size in (1, 50)]
    small, large = draw_samples(samples, 24)
    np.testing.assert_allclose(small.image, large.image, atol=0.02)
    assert small.ink is None
    assert (small.text, small.image.shape[0], small.image.dtype) == ("w", 24, np.float32)
    with pytest.raises(UserError, match="y has no strokes to draw"):
        draw_samples([Sample("w", "x", name="y")], 24)
