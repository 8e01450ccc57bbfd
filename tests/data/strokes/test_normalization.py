"""Normalization of ink."""

import numpy as np
import pytest

from seqmodels.data.strokes.normalization import (
    Normalization,
    normalize,
    rotate,
    shear,
    size,
    slant,
    slope,
    smooth,
)
from seqmodels.data.strokes.strokes import ink_of_strokes


def zigzag(letters=30, height=1.0):
    """Return upright strokes on a horizontal base line, connected by level ones."""
    x = np.repeat(np.arange(letters), 2)
    y = np.tile([0, 1, 1, 0], letters)[: 2 * letters]
    corners = np.stack([x, height * y], axis=1).astype(np.float32)
    along = np.arange(0, len(corners) - 1, 0.05)
    points = [np.interp(along, np.arange(len(corners)), axis) for axis in corners.T]
    return ink_of_strokes([np.stack(points, axis=1)])


def test_a_rotated_line_loses_its_slope():
    straight, rotated = (normalize(ink, PLAIN) for ink in (zigzag(), rotate(zigzag(), 0.2)))
    assert 0.15 < slope(rotate(zigzag(), 0.2)) < np.tan(0.2)
    assert abs(slope(rotated)) < 0.005
    np.testing.assert_allclose(rotated.points, straight.points, atol=0.12)


def test_rotation_is_counterclockwise_and_shear_goes_to_the_right():
    ink = ink_of_strokes([np.array([[1.0, 0], [0, 1]])])
    np.testing.assert_allclose(rotate(ink, np.pi / 2).points, [[0, 1], [-1, 0]], atol=1e-6)
    np.testing.assert_allclose(shear(ink, 0.5).points, [[1, 0], [0.5, 1]], atol=1e-6)


@pytest.mark.parametrize("tangent", [-0.3, 0.2])
def test_a_sheared_line_becomes_upright(tangent):
    sheared = shear(zigzag(), tangent)
    assert slant(sheared) == pytest.approx(tangent, abs=0.01)
    assert slant(normalize(sheared)) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("scale", [1e-3, 1, 500])
def test_size_and_position_do_not_matter(scale):
    ink = zigzag()
    moved = ink._replace(points=ink.points * np.float32(scale) + np.float32(40 * scale))
    normal = normalize(moved)
    np.testing.assert_allclose(normal.points, normalize(ink).points, atol=1e-3)
    assert normal.points.dtype == np.float32
    assert size(normal) == pytest.approx(1, abs=1e-4)
    assert normal.points[:, 0].min() == pytest.approx(0, abs=1e-4)


def test_the_size_of_a_uniform_band_is_its_height():
    assert size(ink_of_strokes([np.array([[0, y] for y in np.linspace(0, 3, 400)])])) == (
        pytest.approx(3, rel=0.01)
    )


def test_the_speed_of_the_pen_does_not_matter():
    fast, slow = (
        ink_of_strokes([np.array([[0, 0]] + [[x, x * x] for x in np.linspace(0, 1, n)])])
        for n in (30, 300)
    )
    assert slope(fast) == pytest.approx(slope(slow), rel=0.01)
    assert size(fast) == pytest.approx(size(slow), rel=0.01)


def test_smoothing_averages_neighbors_within_a_stroke():
    ink = smooth(
        ink_of_strokes([np.array([[0.0, 0], [1, 4], [2, 0]]), np.array([[3.0, 9], [4, 9]])])
    )
    np.testing.assert_allclose(ink.points[:, 1], [0, 2, 0, 9, 9])


@pytest.mark.parametrize("strokes", [[[[3, 4]]], [[[0, 0], [9, 0]]], [[[0, 0], [0, 9]]], []])
def test_dots_dashes_and_nothing_stay_finite(strokes):
    ink = normalize(ink_of_strokes([np.array(stroke) for stroke in strokes]))
    assert np.isfinite(ink.points).all()
    assert len(ink.points) == sum(map(len, strokes))
    assert np.abs(ink.points).max(initial=0) < 6


PLAIN = Normalization(smoothing=0, slant=False)
