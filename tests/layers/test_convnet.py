"""Convolutions over columns, against scipy, and independence of the padding."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.signal import correlate2d

from seqmodels.layers.convnet import SLOPE, ConvBlock, convolve_columns, convolved_size
from seqmodels.layers.frames import Frames

BLOCKS = [ConvBlock(2, (2, 2)), ConvBlock(3, (1, 2))]
HEIGHT, LENGTHS = 6, np.array([9, 5])
RANDOM = np.random.default_rng(0)


def one_block(params, xs, pool):
    """Return a block's outputs of one image ``[W, H, C]``, by scipy."""
    kernel, bias = (np.asarray(params[name], float) for name in ("kernel", "bias"))
    kernel = kernel.reshape(3, 3, xs.shape[-1], -1)
    outputs = [
        sum(correlate2d(xs[..., c], kernel[..., c, n], mode="same") for c in range(xs.shape[-1]))
        for n in range(kernel.shape[-1])
    ]
    ys = np.stack(outputs, axis=-1) + bias
    ys = np.where(ys > 0, ys, SLOPE * ys)
    missing = [(0, -size % step) for size, step in zip(ys.shape, pool, strict=False)]
    ys = np.pad(ys, [*missing, (0, 0)], constant_values=-np.inf)
    shape = (ys.shape[0] // pool[0], pool[0], ys.shape[1] // pool[1], pool[1], ys.shape[2])
    return ys.reshape(shape).max(axis=(1, 3))


def test_outputs_equal_those_of_each_line_alone_by_scipy():
    layers = convolve_columns(HEIGHT, BLOCKS)
    params = layers.init(jax.random.key(0))
    mask = np.arange(LENGTHS.max())[:, None] < LENGTHS
    values = RANDOM.normal(size=(*mask.shape, HEIGHT)).astype(np.float32)
    values[~mask] = np.nan
    frames = Frames(jnp.asarray(values), jnp.asarray(mask))
    found = jax.jit(layers.apply)(params, frames)
    assert found.values.shape == (5, 2, convolved_size(HEIGHT, BLOCKS))
    np.testing.assert_array_equal(found.mask.sum(axis=0), [5, 3])
    for row, length in enumerate(LENGTHS):
        xs = values[:length, row, :, None].astype(float)
        for p, block in zip(params, BLOCKS, strict=True):
            xs = one_block(p, xs, block.pool)
        expected = xs.reshape(len(xs), -1)
        np.testing.assert_allclose(found.values[: len(xs), row], expected, atol=1e-5)
        assert not np.any(found.values[len(xs) :, row])


def test_gradients_are_finite_and_dropout_needs_a_key():
    layers = convolve_columns(HEIGHT, BLOCKS, drop=0.5)
    params = layers.init(jax.random.key(0))
    mask = jnp.asarray(np.arange(5)[:, None] < np.array([5, 0]))
    frames = Frames(jnp.asarray(RANDOM.normal(size=(5, 2, HEIGHT)), jnp.float32), mask)

    def total(params, key):
        return jnp.sum(layers.apply(params, frames, key).values ** 2)

    gradient = jax.jit(jax.grad(total))(params, jax.random.key(1))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    assert total(params, jax.random.key(1)) != total(params, None)
