"""Convolutions over the columns of a line image, as a layer of frames."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from seqmodels.flax import layer
from seqmodels.layers.frames import Frames
from seqmodels.noise import Rate, dropout_mask
from seqmodels.types import Array, Float, Layer, Params

SLOPE = 0.01  # of the leaky rectifier for negative inputs
HE = nnx.initializers.he_normal()


class ConvBlock(NamedTuple):
    """A 3 x 3 convolution, a leaky rectifier and the maximum over ``pool`` (columns, rows)."""

    channels: int
    pool: tuple[int, int] = (1, 1)


def convolve_columns(height: int, blocks: Sequence[ConvBlock], *, drop: Rate = 0.0) -> Layer:
    """Return convolutions over frames that are the columns of images of this height.

    An output frame has the channels of all remaining rows, ``convolved_size(...)`` features.  T
    columns become ``ceil(T / p)`` frames, where p is the product of the blocks' pools.  Columns
    after the end of a line are zero before each convolution, so that padding does not matter.

    Puigcerver (2017), "Are multidimensional recurrent layers really necessary for handwritten text
    recognition?", without batch normalization.

    drop: rate of the dropout on the inputs of all convolutions but the first
    """
    widths = [1, *(block.channels for block in blocks)]
    convolutions = [
        layer(nnx.Linear, 9 * size, block.channels, kernel_init=HE)
        for size, block in zip(widths[:-1], blocks, strict=True)
    ]

    def init(key: jax.Array) -> Params:
        keys = jax.random.split(key, len(blocks))
        return tuple(each.init(k) for each, k in zip(convolutions, keys, strict=True))

    def apply(params: Params, frames: Frames, key: Any = None) -> Frames:
        xs, mask = jnp.moveaxis(frames.values, 0, 1)[..., None], frames.mask.T  # [B, T, H, 1]
        for number, (each, p, block) in enumerate(zip(convolutions, params, blocks, strict=True)):
            if key is not None and number:
                noise = dropout_mask(jax.random.fold_in(key, number), drop, xs.shape)
                xs = xs * noise.astype(xs.dtype)
            xs = jnp.where(mask[..., None, None], xs, jnp.zeros_like(xs))
            xs = jax.nn.leaky_relu(each.apply(p, _neighborhoods(xs)), SLOPE)
            xs = _pool(jnp.where(mask[..., None, None], xs, -jnp.inf), block.pool)
            mask = mask[:, :: block.pool[0]]
        xs = jnp.where(mask[..., None, None], xs, jnp.zeros_like(xs))
        values = jnp.moveaxis(xs.reshape(*xs.shape[:2], -1), 1, 0)
        return Frames(values, mask.T)

    return Layer(init, apply)


def convolved_size(height: int, blocks: Sequence[ConvBlock]) -> int:
    """Return the number of features of a frame after the blocks."""
    for block in blocks:
        height = -(-height // block.pool[1])
    return height * blocks[-1].channels


def _neighborhoods(xs: Float[Array, "B T H C"]) -> Float[Array, "B T H nine_C"]:
    """Return the 3 x 3 neighborhood of each pixel, with zeros around the image.

    A linear layer on them is a convolution.  XLA's convolutions take six times as long on CPUs
    within a loop, such as the steps of a training chunk.
    """
    columns, rows = xs.shape[1:3]
    padded = jnp.pad(xs, ((0, 0), (1, 1), (1, 1), (0, 0)))
    parts = [padded[:, i : i + columns, j : j + rows] for i in range(3) for j in range(3)]
    return jnp.concatenate(parts, axis=-1)


def _pool(xs: Float[Array, "B T H C"], pool: tuple[int, int]) -> Float[Array, "B frames rows C"]:
    """Return the maximum over blocks of columns and rows; the last block may be smaller."""
    if pool == (1, 1):
        return xs
    batch, columns, rows, channels = xs.shape
    missing = ((0, 0), (0, -columns % pool[0]), (0, -rows % pool[1]), (0, 0))
    padded = jnp.pad(xs, missing, constant_values=-jnp.inf)
    _, columns, rows, _ = padded.shape
    parts = (batch, columns // pool[0], pool[0], rows // pool[1], pool[1], channels)
    return jnp.max(padded.reshape(parts), axis=(2, 4))
