"""Ink and its cleaning."""

import numpy as np

from seqmodels.data.strokes.strokes import (
    Ink,
    clean,
    ink_of_strokes,
    join,
    split_items,
    split_strokes,
)

STROKES = [np.array([[0.0, 0], [1, 2], [3, 4]]), np.array([[5.0, 5]]), np.array([[6.0, 1], [7, 0]])]


def test_strokes_survive_a_round_trip():
    ink = ink_of_strokes([STROKES[0], np.zeros((0, 2)), *STROKES[1:]])
    np.testing.assert_array_equal(ink.lifts, [False, False, True, True, False, True])
    for found, expected in zip(split_strokes(ink), STROKES, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert split_strokes(ink_of_strokes([])) == []


def test_cleaning_removes_repeated_and_infinite_points():
    points = np.array([[0, 0], [0, 0], [1, 1], [np.nan, 0], [1, 1], [1, 1], [2, 0], [0, np.inf]])
    lifts = np.array([False, False, False, False, True, False, False, True])
    ink = clean(Ink(points, lifts))
    # The second (1, 1) repeats the first after NaN is removed; the third begins another stroke.
    np.testing.assert_array_equal(ink.points, [[0, 0], [1, 1], [1, 1], [2, 0]])
    np.testing.assert_array_equal(ink.lifts, [False, True, False, True])


def test_a_stroke_of_infinite_points_disappears():
    ink = clean(Ink(np.array([[0.0, 0], [np.inf, 0], [1, 0]]), np.ones(3, bool)))
    np.testing.assert_array_equal(ink.points, [[0, 0], [1, 0]])
    assert len(clean(ink_of_strokes([np.full((3, 2), np.nan)])).lifts) == 0


def test_the_last_point_lifts_the_pen():
    assert clean(Ink(np.array([[0.0, 0], [1, 0]]), np.zeros(2, bool))).lifts.tolist() == [
        False,
        True,
    ]


def test_items_survive_a_round_trip():
    inks = [ink_of_strokes(STROKES[:1]), ink_of_strokes([]), ink_of_strokes(STROKES[1:])]
    for found, expected in zip(split_items(join(inks)), inks, strict=True):
        np.testing.assert_array_equal(found.points, expected.points)
        np.testing.assert_array_equal(found.lifts, expected.lifts)
    assert join([]).offsets.tolist() == [0]
