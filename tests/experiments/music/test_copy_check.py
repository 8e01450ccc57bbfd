"""Longest shared runs against brute force."""

import numpy as np
import pytest

from experiments.music.copy_check import CopyCheck, longest_runs
from seqmodels.data.music.rolls import frames_from_chords


def brute_force(frames: np.ndarray, training: list[np.ndarray]) -> int:
    """Compare all pairs of positions."""
    best = 0
    for other in training:
        same = (frames[:, None] == other[None]).all(axis=2)
        lengths = np.zeros((len(frames) + 1, len(other) + 1), int)
        for i, j in zip(*np.nonzero(same), strict=True):
            lengths[i + 1, j + 1] = lengths[i, j] + 1
        best = max(best, lengths.max())
    return int(best)


def random_pieces(seed: int, count: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    chords = [[60], [64], [60, 64], [], [62]]
    return [
        frames_from_chords([chords[i] for i in random.integers(len(chords), size=length)])
        for length in random.integers(1, 40, size=count)
    ]


def test_runs_equal_those_of_brute_force():
    training, pieces = random_pieces(0, 12), random_pieces(1, 30)
    check = CopyCheck(training)
    assert longest_runs(pieces, check) == [brute_force(p, training) for p in pieces]
    for piece in pieces:
        run = check.longest_run(piece)
        source = training[run.training_piece]
        there = source[run.training_end - run.length : run.training_end]
        assert (piece[run.end - run.length : run.end] == there).all()


def test_runs_in_any_key_equal_those_in_all_transpositions():
    """Without silence, which is the same in all keys and has no lowest note."""
    training, pieces = (
        [p[p.any(axis=1)] for p in random_pieces(seed, count) if p.any()]
        for seed, count in ((2, 4), (3, 12))
    )
    in_all_keys = [np.roll(p, n, axis=1) for p in training for n in range(-14, 15)]
    check = CopyCheck(training, any_key=True)
    assert longest_runs(pieces, check) == [brute_force(p, in_all_keys) for p in pieces]
    for piece in pieces:
        run = check.longest_run(piece)
        there = training[run.training_piece][run.training_end - run.length : run.training_end]
        here = piece[run.end - run.length : run.end]
        shift = np.argmax(here[0]) - np.argmax(there[0])
        assert (np.roll(there, shift, axis=1) == here).all()


def test_runs_do_not_cross_pieces():
    a, b = frames_from_chords([[60], [61]]), frames_from_chords([[62], [63]])
    joined = np.concatenate([a, b])
    assert CopyCheck([a, b]).longest_run(joined).length == 2
    assert CopyCheck([joined]).longest_run(joined)[:2] == (4, 4)
    assert CopyCheck([a]).longest_run(b).length == 0


@pytest.mark.parametrize("any_key", [False, True])
def test_a_transposed_copy(any_key):
    piece = random_pieces(4, 1)[0]
    run = CopyCheck([piece], any_key).longest_run(np.roll(piece, 3, axis=1))
    assert (run.length == len(piece)) == any_key
