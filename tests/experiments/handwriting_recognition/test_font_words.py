"""Words in stroke fonts."""

import numpy as np
import pytest

from experiments.handwriting_recognition.font_words import (
    FONTS,
    LETTERS,
    Writer,
    common_words,
    font_words,
    join_touching,
    load_font,
    split_words_by_hash,
    write_word,
)
from seqmodels.data.strokes.strokes import split_strokes

NEAT = Writer("futural", 0.0, 1.0, 0.0, 0.0, 21.0, 0.0, 0.0, 1.0, {c: np.eye(2) for c in "lio"})


@pytest.fixture(scope="module")
def words():
    """Words by few writers."""
    return font_words(160, writers=8)


class Steady(np.random.Generator):
    """Random numbers without variation."""

    def __init__(self):
        super().__init__(np.random.PCG64(0))

    def normal(self, loc=0.0, scale=1.0, size=None):
        return np.full(size, loc) if size else loc


def test_a_neat_writer_writes_the_glyphs_of_the_font():
    glyphs, left = load_font("futural"), 0.0
    strokes = split_strokes(write_word("lo", NEAT, Steady()))
    assert len(strokes) == 2
    for letter, stroke in zip("lo", strokes, strict=True):
        width, lines = glyphs[letter]
        np.testing.assert_allclose(stroke[0], lines[0][0] + [left, 0], atol=1e-4)
        np.testing.assert_allclose(stroke[-1], lines[0][-1] + [left, 0], atol=1e-4)
        left += width
    assert strokes[0][:, 1].max() == pytest.approx(21)
    assert strokes[0][:, 1].min() == pytest.approx(0)


def test_all_letters_are_in_all_fonts():
    for font in FONTS:
        glyphs = load_font(font)
        for letter in LETTERS + LETTERS.upper():
            width, lines = glyphs[letter]
            assert width > 0
            assert lines


def test_strokes_that_touch_are_joined():
    a, b, c = (np.array(points) for points in ([[0.0, 0], [3, 3]], [[3.5, 3], [9, 0]], [[20.0, 0]]))
    assert [len(stroke) for stroke in join_touching([a, b, c])] == [4, 1]


def test_words_and_writers_of_the_splits_differ(words):
    assert [len(part) for part in words] == [160, 20, 20]
    for get in (lambda s: s.text.lower(), lambda s: s.writer):
        train, dev, test = ({get(sample) for sample in part} for part in words)
        assert not train & dev
        assert not train & test
        assert not dev & test
    assert {"the", "for"} <= {
        word.lower() for part in split_words_by_hash(common_words()) for word in part
    }


def test_characters_of_dev_and_test_occur_in_train():
    train, dev, test = (set("".join(part)) for part in split_words_by_hash(common_words()))
    assert dev | test <= train


def test_ink_and_images_are_reproducible(words):
    again = font_words(160, writers=8)
    np.testing.assert_array_equal(words.dev[5].ink.points, again.dev[5].ink.points)
    drawn = font_words(16, writers=2, height=24)
    assert {sample.image.shape[0] for part in drawn for sample in part} == {24}
    assert all(sample.ink is None and sample.image.max() > 0.9 for sample in drawn.train)
