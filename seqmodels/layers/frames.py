"""Frames of sequences with their mask: subsampling, and a cell over them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.types import Array, Bool, Cell, Float, Layer, Params
from seqmodels.unroll import unroll


class Frames(NamedTuple):
    """Feature vectors of a batch of sequences, and where they exist.

    A layer of frames has ``apply(params, frames, key=None) -> frames``, and may change their
    number.  A key turns on noise.
    """

    values: Float[Array, "T B D"]
    mask: Bool[Array, "T B"]


def join_frames(count: int) -> Layer:
    """Return a layer that concatenates every ``count`` neighbors to one frame.

    A sequence of T frames becomes ``ceil(T / count)`` frames; zeros fill the last one.

    >>> frames = Frames(jnp.arange(3.0).reshape(3, 1, 1), jnp.ones((3, 1), bool))
    >>> join_frames(2).apply({}, frames).values[:, 0].tolist()
    [[0.0, 1.0], [2.0, 0.0]]
    """

    def apply(params: Params, frames: Frames, key: Any = None) -> Frames:
        length, batch, size = frames.values.shape
        missing = -length % count
        values = jnp.where(frames.mask[..., None], frames.values, jnp.zeros_like(frames.values))
        values = jnp.pad(values, ((0, missing), (0, 0), (0, 0)))
        groups = jnp.moveaxis(values.reshape(-1, count, batch, size), 1, 2)
        return Frames(groups.reshape(-1, batch, count * size), frames.mask[::count])

    return Layer(lambda key: {}, apply)


def recurrent_frames(cell: Cell) -> Layer:
    """Return a layer that unrolls a cell over the frames of each sequence."""

    def apply(params: Params, frames: Frames, key: Any = None) -> Frames:
        ys, _ = unroll(cell, params, frames.values, mask=frames.mask, key=key)
        return Frames(ys, frames.mask)

    return Layer(cell.init, apply)


def chain(*layers: Layer) -> Layer:
    """Return the layers of frames one after the other; the params are a tuple."""

    def init(key: jax.Array) -> Params:
        keys = jax.random.split(key, len(layers))
        return tuple(each.init(k) for each, k in zip(layers, keys, strict=True))

    def apply(params: Params, frames: Frames, key: Any = None) -> Frames:
        keys = [None] * len(layers) if key is None else jax.random.split(key, len(layers))
        for each, p, k in zip(layers, params, keys, strict=True):
            frames = each.apply(p, frames, k)
        return frames

    return Layer(init, apply)
