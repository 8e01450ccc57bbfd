"""The generated chorales: probabilities, entropy, and the rules that they follow."""

from itertools import combinations, product

import numpy as np
import pytest

from experiments.music.chorale_grammar import (
    PHRASE,
    PHRASES,
    POSITIONS,
    TONALITIES,
    frame_entropies,
    generate_chorales,
    generate_splits,
    make_chain,
    nats_per_frame,
    piece_nats,
    voicings,
)
from experiments.music.voice_leading import Faults, count_faults

C_MAJOR = TONALITIES[0]
PIECES = generate_chorales(400, seed=3)


@pytest.mark.parametrize("tonality", TONALITIES[::5])
def test_probabilities_sum_to_one(tonality):
    chain = make_chain(tonality)
    assert len(np.unique(np.sort(chain.pitches), axis=0)) == len(chain.pitches)  # none is hidden
    state = chain.start
    for time in range(2 * PHRASE):
        transition = chain.transitions[time % PHRASE]
        rows = transition.sum(axis=1)
        precedes = np.array(POSITIONS[time % PHRASE])[chain.chords].any(axis=1)
        np.testing.assert_allclose(rows, precedes, atol=1e-12)
        if time:
            state = state @ transition
        assert state.sum() == pytest.approx(1.0)


def test_voicings_of_a_triad():
    chord = C_MAJOR.chords[0]
    found = {tuple(v) for v in voicings(chord).tolist()}
    assert (72, 67, 64, 48) in found  # close position, root doubled
    assert (67, 60, 55, 52) in found  # the third in the bass, fifth doubled
    assert (76, 67, 64, 48) not in found  # third doubled
    assert (76, 72, 60, 48) in found  # without a fifth, root three times
    assert all(s > a > t > b and s - a <= 12 and a - t <= 12 for s, a, t, b in found)


def legal(before, after) -> bool:
    """Return whether no pair of voices is parallel and no voice leaps, in plain Python."""
    moves = [b - a for a, b in zip(before, after, strict=True)]
    if any(abs(m) > limit for m, limit in zip(moves, (5, 5, 5, 12), strict=True)):
        return False
    for i, j in combinations(range(4), 2):
        intervals = {(before[i] - before[j]) % 12, (after[i] - after[j]) % 12}
        if intervals in ({0}, {7}) and moves[i] * moves[j] > 0:
            return False
    return True


def test_voice_leading_by_enumeration():
    """The distribution of voicings, given the chord, agrees with a loop over all of them."""
    chain = make_chain(C_MAJOR)
    transition = chain.transitions[2]
    states = [tuple(pitches) for pitches in chain.pitches.tolist()]
    for row in np.random.default_rng(0).choice(np.flatnonzero(chain.chords < 3), 8):
        for chord in np.unique(chain.chords[transition[row] > 0]):
            weights = []
            for state, other in zip(states, chain.chords, strict=True):
                moves = np.abs(np.subtract(state, states[row]))
                cost = moves @ [0.5, 0.5, 0.5, 0.15]
                cost += state[3] % 12 != C_MAJOR.chords[chord][0]
                weights.append(np.exp(-cost) * (other == chord) * legal(states[row], state))
            p = transition[row] * (chain.chords == chord)
            np.testing.assert_allclose(p / p.sum(), np.array(weights) / sum(weights), atol=1e-12)


def test_entropy_of_two_frames_by_enumeration():
    """H(x_1, x_2) as a sum over all pairs in all keys."""
    entropy = 0.0
    for tonality in TONALITIES:
        chain = make_chain(tonality)
        joint = chain.start[:, None] * chain.transitions[1] / len(TONALITIES)
        entropy -= sum(p * np.log(p) for p in joint[joint > 0].tolist())
    assert frame_entropies(3)[:2].sum() == pytest.approx(entropy)


def test_sample_mean_of_nats_is_the_entropy():
    nats = [piece_nats(piece.pitches) for piece in PIECES]
    errors = [n.sum() - frame_entropies(len(n) // PHRASE).sum() for n in nats]
    assert abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(len(errors))
    pooled = np.concatenate(nats).mean()
    assert pooled == pytest.approx(nats_per_frame(), rel=0.02)
    cadences = np.array([n[7 : 3 * PHRASE : PHRASE].mean() for n in nats])
    assert cadences.mean() == pytest.approx(frame_entropies(3)[7::PHRASE].mean(), rel=0.1)


def test_a_piece_outside_the_grammar_has_infinite_nats():
    pitches = PIECES[0].pitches.copy()
    pitches[5, 1] += 1
    nats = piece_nats(pitches)
    assert np.isinf(nats[5:7]).all()
    assert np.isfinite(np.delete(nats, [5, 6])).all()


def test_pieces_follow_the_rules():
    assert count_faults([piece.pitches for piece in PIECES]) == Faults(0, 0, 0, 0)
    assert [len(piece.pitches) // PHRASE for piece in PIECES[:5]] == [*PHRASES, PHRASES[0]]


def test_splits_are_independent_and_reproducible():
    splits = generate_splits(6, 5, 4)
    assert [len(pieces) for pieces in splits.values()] == [6, 5, 4]
    for (_, a), (_, b) in combinations(splits.items(), 2):
        assert not any(np.array_equal(x.pitches, y.pitches) for x, y in product(a, b))
    again = generate_splits(9, 5, 4)["train"][:6]
    assert all(
        np.array_equal(x.pitches, y.pitches) for x, y in zip(again, splits["train"], strict=True)
    )
