"""Resampling of ink and the features of its steps."""

from itertools import pairwise

import numpy as np
import pytest

from seqmodels.data.handwriting import Sample
from seqmodels.data.strokes.features import FEATURES, ink_features, ink_steps, resample
from seqmodels.data.strokes.strokes import Ink, ink_of_strokes, join, split_items, split_strokes
from seqmodels.errors import UserError

RANDOM = np.random.default_rng(0)


def random_ink(*lengths):
    """Return strokes that are random walks."""
    return ink_of_strokes([RANDOM.standard_normal((n, 2)).cumsum(axis=0) / 5 for n in lengths])


INKS = [random_ink(20, 7, 30), random_ink(40), random_ink(1, 9), random_ink(2)]


def walk(stroke, distance):
    """Return the point at a distance along a stroke."""
    for a, b in pairwise(stroke):
        length = np.linalg.norm(b - a)
        if distance <= length:
            return a + (b - a) * distance / length
        distance -= length
    return stroke[-1]


def test_steps_along_each_stroke_are_equal_and_keep_both_ends():
    step = 0.13
    for before, after in zip(INKS, split_items(resample(join(INKS), step)), strict=True):
        for old, new in zip(split_strokes(before), split_strokes(after), strict=True):
            length = np.linalg.norm(np.diff(old, axis=0), axis=1).sum()
            count = max(round(length / step), int(length > 0))
            expected = [walk(old, length * k / max(count, 1)) for k in range(count + 1)]
            np.testing.assert_allclose(new, expected, atol=1e-4)


def test_a_limit_makes_the_steps_of_its_item_longer():
    free = np.diff(resample(join(INKS), 0.02).offsets)
    limits = np.array([9, free[1], 5, 2])
    limited = np.diff(resample(join(INKS), 0.02, limits).offsets)
    assert (limited <= limits).all()
    assert limited[1] >= 0.9 * free[1]


def test_features_agree_with_their_definitions():
    (ink,) = split_items(resample(join([INKS[0]]), 0.2))
    found = dict(zip(FEATURES, ink_features([INKS[0]], 0.2).values.T, strict=True))
    points = ink.points.astype(np.float64)
    starts = np.r_[True, ink.lifts[:-1]]
    for i, (x, y) in enumerate(points):
        move = points[i] - points[i - 1] if i else np.zeros(2)
        unit = move / max(np.linalg.norm(move), 1e-12)
        assert [found["right"][i], found["up"][i]] == pytest.approx(unit, abs=1e-4)
        jump = np.clip(move, -3, 3) if starts[i] else np.zeros(2)
        assert [found["jump_x"][i], found["jump_y"][i]] == pytest.approx(jump, abs=1e-5)
        assert (found["begins"][i], found["ends"][i]) == (starts[i], ink.lifts[i])
        assert found["height"][i] == pytest.approx(y, abs=1e-6)
        near = points[np.abs(points[:, 0] - x) <= 0.5, 1]
        around = near.max() - y, y - near.min()
        assert [found["above"][i], found["below"][i]] == pytest.approx(around, abs=1e-5)
        turn = 0.0
        if not starts[i] and not starts[i - 1]:
            before, after = (complex(*(points[k] - points[k - 1])) for k in (i - 1, i))
            turn = np.angle(after / before)
        ahead = [found["ahead"][i], found["left"][i]]
        assert ahead == pytest.approx([np.cos(turn), np.sin(turn)], abs=1e-3)


def test_items_do_not_influence_each_other():
    together = ink_features(INKS, 0.2)
    assert len(together.lengths) == len(INKS)
    for number, ink in enumerate(INKS):
        begin, end = together.offsets[number : number + 2]
        np.testing.assert_allclose(
            together.values[begin:end], ink_features([ink], 0.2).values, atol=1e-5
        )


def test_no_items_and_empty_items_have_no_steps():
    assert ink_features([], 0.2).values.shape == (0, len(FEATURES))
    empty = ink_of_strokes([])
    mixed = ink_features([empty, INKS[3], empty], 0.2)
    assert (mixed.lengths > 0).tolist() == [False, True, False]


def test_samples_become_steps_of_normalized_ink():
    large = INKS[0]._replace(points=INKS[0].points * 100)
    small, big = (ink_steps(0.2)([Sample("a", "", ink)]) for ink in (INKS[0], large))
    np.testing.assert_allclose(small.values, big.values, atol=1e-3)


def test_samples_without_points_are_refused():
    empty = Ink(np.zeros((0, 2)), np.zeros(0, bool))
    with pytest.raises(UserError, match=r"words.tsv:3 \('the'\) has no points"):
        ink_steps()([Sample("the", "", empty, None, "words.tsv:3")])
    with pytest.raises(UserError, match=r"a\.png is an image; strokes are needed"):
        ink_steps()([Sample("the", "", None, np.zeros((3, 3), np.float32), "a.png")])
