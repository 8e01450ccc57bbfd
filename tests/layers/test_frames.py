"""Layers of frames: subsampling with masks, and chains."""

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.cells.rnn import rnn
from seqmodels.layers.frames import Frames, chain, join_frames, recurrent_frames
from seqmodels.wrap import bidirectional

LENGTHS = np.array([7, 4, 1, 0])
MASK = np.arange(7)[:, None] < LENGTHS


def random_frames(features=3):
    values = np.random.default_rng(0).normal(size=(*MASK.shape, features)).astype(np.float32)
    values[~MASK] = np.nan
    return Frames(jnp.asarray(values), jnp.asarray(MASK))


def test_joined_frames_are_neighbors_and_zero_after_the_end():
    frames = random_frames()
    joined = join_frames(3).apply({}, frames)
    assert joined.values.shape == (3, 4, 9)
    np.testing.assert_array_equal(joined.mask.sum(axis=0), -(-LENGTHS // 3))
    for row, length in enumerate(LENGTHS):
        own = np.zeros((9, 3), np.float32)
        own[:length] = frames.values[:length, row]
        np.testing.assert_array_equal(joined.values[:, row], own.reshape(3, 9))


def test_a_chain_gives_each_sequence_what_it_gets_alone():
    layers = chain(
        recurrent_frames(bidirectional(rnn(3, 4))),
        join_frames(2),
        recurrent_frames(bidirectional(rnn(16, 2))),
    )
    params = layers.init(jax.random.key(0))
    frames = random_frames()
    found = layers.apply(params, frames)
    assert found.values.shape == (4, 4, 4)
    length = 4
    alone = layers.apply(params, Frames(frames.values[:length, 1:2], frames.mask[:length, 1:2]))
    np.testing.assert_allclose(found.values[:2, 1:2], alone.values, atol=1e-6)
    assert not np.any(found.values[~np.asarray(found.mask)])
