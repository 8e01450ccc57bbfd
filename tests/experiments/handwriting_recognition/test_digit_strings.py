"""Strings of digits."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.handwriting_recognition.digit_strings import (
    StringStyle,
    compose_strings,
    digit_strings,
)
from seqmodels.data.images.digits import Images

PLAIN = StringStyle(
    height=20, spacing=(0.1, 0.1), slant=0.0, shift=0.0, noise=0.0, contrast=1.0, size=(0.5, 0.5)
)


def gray_digits():
    """Return images whose brightness is 40 + 20 times their label."""
    pixels = np.zeros((10, 8, 8), np.uint8)
    pixels[:, 1:7, 2:6] = (75 + 20 * np.arange(10))[:, None, None]
    return Images(pixels, np.arange(10))


def test_digits_are_composed_from_left_to_right():
    random = np.random.default_rng(0)
    for sample in compose_strings(gray_digits(), 20, random, PLAIN):
        level = np.rint((sample.image[10] * 255 - 75) / 20)
        inside = sample.image[10] > 0.25
        starts = np.flatnonzero(inside & ~np.r_[False, inside[:-1]])
        assert "".join(str(int(level[start + 2])) for start in starts) == sample.text
        assert 3 <= len(sample.text) <= 7


def test_bundled_strings_have_three_splits_and_a_style():
    parts = digit_strings(80)
    assert [len(part) for part in parts] == [80, 10, 10]
    assert {sample.image.shape[0] for part in parts for sample in part} == {24}
    assert set("".join(sample.text for sample in parts.train)) == set("0123456789")
    for sample in parts.train:
        assert 0 <= sample.image.min() < 0.05
        assert 0.5 < sample.image.max() <= 1
    again = digit_strings(80)
    np.testing.assert_array_equal(parts.test[3].image, again.test[3].image)
    assert digit_strings(80, seed=1).train[0].text != parts.train[0].text


@pytest.mark.parametrize("slant", [0.0, 0.5])
def test_no_ink_leaves_the_image(slant):
    style = replace(PLAIN, spacing=(-0.3, 0.3), slant=slant)
    for sample in compose_strings(gray_digits(), 20, np.random.default_rng(1), style):
        assert sample.image[:, [0, -1]].max() < 0.2
