"""ABC notation that is written for any score."""

from fractions import Fraction

import numpy as np
import pytest

from seqmodels.data.music.abc.bars import check_tune
from seqmodels.data.music.abc.playback import score_from_tune
from seqmodels.data.music.abc.tunes import parse_tune
from seqmodels.data.music.abc.writer import abc_from_score
from seqmodels.data.music.rolls import (
    Piece,
    make_note,
    make_score,
    piece_from_score,
    score_from_piece,
)


@pytest.mark.parametrize("seed", range(4))
def test_any_piano_roll_survives(seed):
    random = np.random.default_rng(seed)
    frames = random.random((37, 88)) < 0.03
    frames[random.integers(37, size=6)] = False
    frames[1::2] = frames[:-1:2]  # most notes are held
    frames[-1, 40] = True
    piece = Piece(frames, f"roll {seed}", 4, [(4, 4), (3, 4), (6, 8), (7, 8)][seed], 80.0)
    text = abc_from_score(score_from_piece(piece))
    assert check_tune(text) == []
    score = score_from_tune(parse_tune(text))
    back = piece_from_score(score, 4)
    assert (back.frames == frames).all()
    assert back[1:] == piece[1:]


def test_exact_times_and_the_key():
    third = Fraction(1, 3)
    score = make_score(
        [make_note(pitch, third * i, third) for i, pitch in enumerate([62, 66, 69, 73, 74, 70])],
        name="D major",
        meter=(2, 4),
    )
    text = abc_from_score(score)
    assert "K:D\nD4/3 F4/3 A4/3 c4/3 d4/3 ^A4/3|\n" in text
    assert score_from_tune(parse_tune(text)).notes == score.notes
