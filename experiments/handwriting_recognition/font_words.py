"""Words that invented writers write in Hershey's stroke fonts.

The words are those of the comments in Python's standard library. Words and writers of dev and test
do not occur in train.

Hershey (1967), "Calligraphy for computers".
"""

import re
from collections import Counter
from functools import cache
from typing import NamedTuple

import numpy as np
from HersheyFonts import HersheyFonts
from jaxtyping import Float

from seqmodels.data.handwriting import FRACTIONS, Sample
from seqmodels.data.images.ink_drawing import draw_ink
from seqmodels.data.splits import Splits, hash_split
from seqmodels.data.strokes.features import resample
from seqmodels.data.strokes.normalization import Normalization, normalize
from seqmodels.data.strokes.strokes import Ink, ink_of_strokes, join
from seqmodels.data.text.python_sources import python_sources

FONTS = ("futural", "rowmans", "cursive", "scripts")  # one line per stroke of a letter
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORD = re.compile(r"(?<![\w.'-])[A-Za-z][a-z]{1,9}(?![\w.'(-])")
COMMON = 4000  # number of words
RARE = 20  # words with a letter that occurs in fewer words are left out
CAP_HEIGHT = 21.0  # height of a capital letter in the units of the fonts
TOUCH = 1.5  # distance at which strokes are joined


class Writer(NamedTuple):
    """What distinguishes a writer.

    font:    name of the font
    slant:   tangent of the slant
    aspect:  width relative to the font
    spacing: additional space between letters, in units of the font
    slope:   tangent of the base line
    size:    height of a capital letter
    waves:   amplitude of smooth displacements
    shaky:   standard deviation of the displacement of points
    speed:   distance between points
    letters: matrix that changes the shape of each letter
    """

    font: str
    slant: float
    aspect: float
    spacing: float
    slope: float
    size: float
    waves: float
    shaky: float
    speed: float
    letters: dict[str, Float[np.ndarray, "2 2"]]


def font_words(
    count: int = 3000, seed: int = 0, height: int | None = None, writers: int = 60
) -> Splits:
    """Return words as ink: ``count`` for training, an eighth of it for dev and for test.

    height:  height of images to draw instead; then the samples have no ink
    writers: number of training writers; dev and test have an eighth of it
    """
    words = split_words_by_hash(common_words())
    parts = []
    for part, (name, choices) in enumerate(words._asdict().items()):
        share = 1 if name == "train" else 8
        random = np.random.default_rng([seed, part])
        people = [invent_writer(random) for _ in range(max(1, writers // share))]
        size = max(1, count // share)
        chosen = random.integers(0, len(choices), size)
        authors = random.integers(0, len(people), size)
        parts.append(
            [
                _sample(
                    choices[word], people[author], f"{name} writer {author + 1}", random, height
                )
                for word, author in zip(chosen, authors, strict=True)
            ]
        )
    return Splits(*parts)


@cache
def common_words() -> tuple[str, ...]:
    """Return words of the comments in Python's standard library, the most frequent ones first."""
    counts: Counter[str] = Counter()
    for document in python_sources():
        for comment in re.findall(r"#(.*)", document.text):
            counts.update(WORD.findall(comment))
    words = sorted(counts, key=lambda word: (-counts[word], word))[:COMMON]
    letters = Counter(letter for word in words for letter in set(word))
    return tuple(word for word in words if min(letters[letter] for letter in word) >= RARE)


def split_words_by_hash(words: tuple[str, ...]) -> Splits:
    """Split words such that forms that differ only by a capital are in one split."""
    rows = hash_split((word.lower() for word in words), FRACTIONS)
    return Splits(*([words[row] for row in part] for part in rows))


def invent_writer(random: np.random.Generator) -> Writer:
    """Draw a writer."""
    return Writer(
        font=FONTS[random.integers(len(FONTS))],
        slant=random.uniform(-0.15, 0.4),
        aspect=np.exp(random.uniform(-0.25, 0.25)),
        spacing=random.uniform(-1.0, 3.0),
        slope=random.uniform(-0.08, 0.08),
        size=np.exp(random.uniform(np.log(60), np.log(300))),
        waves=random.uniform(0.3, 1.2),
        shaky=random.uniform(0.0, 0.12),
        speed=random.uniform(0.7, 2.5),
        letters={
            letter: np.eye(2) + random.normal(0, 0.08, (2, 2))
            for letter in LETTERS + LETTERS.upper()
        },
    )


def write_word(word: str, writer: Writer, random: np.random.Generator) -> Ink:
    """Return the ink of a word in this handwriting; no two times are equal."""
    glyphs, left, strokes = load_font(writer.font), 0.0, []
    for letter in word:
        shape = writer.letters[letter] + random.normal(0, 0.03, (2, 2))
        width, lines = glyphs[letter]
        raised = random.normal(0, 0.4)
        strokes += [line @ shape.T * [writer.aspect, 1] + [left, raised] for line in lines]
        left += width * writer.aspect + writer.spacing + random.normal(0, 0.5)
    dense = resample(join([ink_of_strokes(join_touching(strokes))]), writer.speed).ink
    points = dense.points + _displacements(dense.points, writer, random)
    transform = np.array([[1, writer.slant], [writer.slope, 1]]) * (writer.size / CAP_HEIGHT)
    return dense._replace(points=(points @ transform.T).astype(np.float32))


def join_touching(strokes: list[np.ndarray]) -> list[np.ndarray]:
    """Join strokes that begin where the previous one ends, as in connected writing."""
    joined: list[np.ndarray] = []
    for stroke in strokes:
        if joined and np.linalg.norm(joined[-1][-1] - stroke[0]) <= TOUCH:
            joined[-1] = np.concatenate([joined[-1], stroke])
        else:
            joined.append(stroke)
    return joined


@cache
def load_font(name: str) -> dict[str, tuple[float, list[Float[np.ndarray, "_ 2"]]]]:
    """Return the width and the strokes of each letter; y points upward from the base line."""
    font = HersheyFonts()
    font.load_default_font(name)
    base = font.render_options["base_line"]
    glyphs = {}
    for letter, glyph in font.all_glyphs.items():
        lines = [np.array(stroke, np.float32) for stroke in glyph.strokes if len(stroke)]
        lines = [(line - [glyph.left_offset, base]) * [1, -1] for line in lines]
        glyphs[letter] = float(glyph.char_width), lines
    return glyphs


def _displacements(
    points: Float[np.ndarray, "N 2"], writer: Writer, random: np.random.Generator
) -> Float[np.ndarray, "N 2"]:
    """Return smooth displacements over one to four letters, and those of a shaky hand."""
    frequency = random.uniform(0.08, 0.35, (2, 3))
    phase = random.uniform(0, 2 * np.pi, (2, 3))
    waves = np.sin(frequency * points[:, :1, None] + phase).mean(axis=-1)
    return writer.waves * waves + writer.shaky * random.standard_normal(points.shape)


def _sample(
    word: str, writer: Writer, name: str, random: np.random.Generator, height: int | None
) -> Sample:
    ink = write_word(word, writer, random)
    if height is None:
        return Sample(word, name, ink, None, f"{word!r} by {name}")
    pen = random.uniform(0.04, 0.09)
    upright = normalize(ink, Normalization(slope=False, slant=False))
    return Sample(word, name, None, draw_ink(upright, height, pen), f"{word!r} by {name}")
