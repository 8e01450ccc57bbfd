"""Chords by logits of keys and of intervals."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.music import interval_set as module
from experiments.music.interval_set import END, init_interval_set, interval_set
from seqmodels.data.music.rolls import KEYS, frames_from_chords

FEATURES = 2 + KEYS


def weights(scale=3.0):
    params = init_interval_set(jax.random.key(0), FEATURES, hidden=6, most=3)
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    noise = [0.3 * jax.random.normal(k, a.shape) for k, a in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(tree, [scale * a + n for a, n in zip(leaves, noise, strict=True)])


def context(last):
    return jnp.concatenate(
        [jnp.array([0.3, -0.7]), jnp.asarray(frames_from_chords([last])[0], jnp.float32)]
    )


def test_probabilities_of_the_next_note_sum_to_one_over_whole_chords():
    params, h = weights(), context([40, 64])
    empty_or_one = np.concatenate([np.zeros((1, KEYS), bool), np.eye(KEYS, dtype=bool)])
    nats = interval_set(params, 2).nats(
        jnp.broadcast_to(h, (KEYS + 1, FEATURES)), jnp.asarray(empty_or_one)
    )
    scores = module._scores(params, 2, h[None], jnp.zeros((1, KEYS)), jnp.array([0]))
    np.testing.assert_allclose(np.exp(-nats[0]), jax.nn.softmax(scores[0])[END], rtol=1e-4)
    assert np.exp(-np.asarray(nats)).sum() < 1.0
