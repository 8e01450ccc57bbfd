"""Chords by logits of keys and of intervals, compared with the equation in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.music.interval_set import SPAN, init_interval_set, interval_set
from seqmodels.data.music.rolls import KEYS, frames_from_chords

HIDDEN_FEATURES = 2  # before the 88 features of the last frame
MOST = 3


@pytest.fixture(scope="module")
def weights():
    """Weights of which none is zero."""
    params = init_interval_set(jax.random.key(0), HIDDEN_FEATURES + KEYS, hidden=5, most=MOST)
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    noise = [0.4 * jax.random.normal(k, a.shape) for k, a in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(tree, [a + n for a, n in zip(leaves, noise, strict=True)])


def context(last):
    return np.concatenate([[0.3, -0.7], frames_from_chords([last])[0]]).astype(np.float32)


def oracle(weights, last, chord):
    """Return the nats of a chord by a loop over its notes."""
    w = jax.tree.map(lambda a: np.asarray(a, np.float64), weights)
    r = w["interval"]
    h = context(last).astype(np.float64)
    before, notes = ([pitch - 21 for pitch in pitches] for pitches in (last, chord))
    nats = 0.0
    for n, target in enumerate([*notes, KEYS]):
        below = notes[:n]
        a = w["c"] + h @ w["wc"]
        a = a + np.tanh(w["b"] + h @ w["wh"] + w["wi"][below].sum(axis=0)) @ w["v"]
        origin = before[n] if n < len(before) else max(below, default=0)
        around = np.zeros((2, 2 * SPAN + 1))
        for row, keys in enumerate((before, below)):
            for key in keys:
                if abs(key - origin) <= SPAN:
                    around[row, key - origin + SPAN] = 1.0
        hidden = np.tanh(r["b"] + h @ r["wh"] + r["wn"][n] + around.ravel() @ r["wi"])
        intervals = r["wn_v"][n] + hidden @ r["v"]
        for key in range(KEYS):
            if abs(key - origin) <= SPAN:
                a[key] += intervals[key - origin + SPAN]
        a[KEYS] += intervals[-1]
        possible = a[max(below, default=-1) + 1 :]
        nats += np.log(np.exp(possible).sum()) - a[target]
    return nats


CHORDS = [
    ([40, 64], [60, 64, 67]),
    ([], []),
    ([21, 108], [21]),
    ([60, 62, 64], [108]),
    ([60, 64, 67], [23, 60]),
    ([60], [60, 61, 62, 63]),
]


def test_nats_follow_the_equation(weights):
    contexts = np.stack([context(last) for last, _ in CHORDS])
    chords = frames_from_chords([chord for _, chord in CHORDS])
    nats = jax.jit(interval_set(weights, HIDDEN_FEATURES).nats)
    found = nats(jnp.asarray(contexts), jnp.asarray(chords))
    expected = [oracle(weights, last, chord) for last, chord in CHORDS[:-1]]
    np.testing.assert_allclose(found[:-1], expected, rtol=2e-5)
    assert np.isinf(found[-1]), "more notes than possible"


def test_draws_have_the_probabilities_of_the_lowest_note(weights):
    h = context([60, 64])
    draw = jax.jit(interval_set(weights, HIDDEN_FEATURES).draw)
    contexts = jnp.broadcast_to(h, (3000, len(h)))
    drawn = np.asarray(draw(jax.random.key(3), contexts, 1.0))
    assert drawn.sum(axis=1).max() <= MOST
    silent = np.mean(~drawn.any(axis=1))
    expected = np.exp(-oracle(weights, [60, 64], []))
    assert silent == pytest.approx(expected, abs=4 * np.sqrt(expected / 3000) + 1e-3)
    greedy = np.asarray(draw(jax.random.key(4), contexts, 0.0))
    assert (greedy == greedy[0]).all()
