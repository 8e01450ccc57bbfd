"""Encoder of pictures: a hierarchy of recurrences over two dimensions."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from seqmodels.cells.md_lstm import leaky_lp
from seqmodels.errors import UserError
from seqmodels.flax import layer
from seqmodels.grid import ALL, init_grid, unroll_grid
from seqmodels.layers.blocks import gather_blocks, sum_rows
from seqmodels.models.encoder import EncoderOutput
from seqmodels.noise import Rate, dropout_mask
from seqmodels.types import Array, Bool, Float, GridCell, Layer, Params


class GridLevel(NamedTuple):
    """One level of the hierarchy: blocks, a feed-forward layer and a recurrence.

    block:    height and width of the blocks that are concatenated
    features: units of the tanh layer that reads a block; 0: the recurrence reads it directly
    hidden:   units of the recurrence, per direction
    """

    block: tuple[int, int]
    features: int
    hidden: int


# The network of Graves and Schmidhuber (2009) for lines of about 100 pixels in height.
GRAVES_LEVELS = (GridLevel((4, 3), 0, 2), GridLevel((4, 3), 6, 10), GridLevel((4, 2), 20, 50))


class GridEncoder(NamedTuple):
    """Pictures in, one vector per column out.

    init:  ``(key) -> params``
    apply: ``(params, pictures, mask=None, key=None) -> EncoderOutput`` without a carry
    """

    init: Callable[[jax.Array], Params]
    apply: Callable[..., EncoderOutput]


def grid_encoder(
    inputs: int,
    levels: Sequence[GridLevel] = GRAVES_LEVELS,
    *,
    cell: Callable[[int, int], GridCell] = leaky_lp,
    directions: Sequence[str] = ALL,
    dropout: Rate = 0.0,
) -> GridEncoder:
    """Return the encoder of Graves and Schmidhuber (2009), whose columns CTC can read.

        x = tanh(W block(x) + b)          each level's feed-forward layer
        x = [y_1, ..., y_N]               its recurrence in N directions
        y_t = sum_i x_it                  after the last level

    A picture of W columns becomes ceil(W / w) time steps, where w is the product of the blocks'
    widths, level by level.  With a key, ``dropout`` acts on the outputs of every recurrence, as in
    Pham et al. (2014), "Dropout improves recurrent neural networks for handwriting recognition".
    """
    if not levels:
        raise UserError("grid_encoder needs at least one level")
    widths = [inputs] + [level.hidden * len(directions) for level in levels]
    sizes = zip(levels, widths[:-1], strict=True)
    parts = [_level(level, width, cell, directions) for level, width in sizes]

    def init(key: jax.Array) -> Params:
        keys = jax.random.split(key, len(parts))
        return [part.init(k) for part, k in zip(parts, keys, strict=True)]

    def apply(
        params: Params,
        pictures: Float[Array, "B H W D"],
        mask: Bool[Array, "B H W"] | None = None,
        key: Any = None,
    ) -> EncoderOutput:
        xs = jnp.moveaxis(pictures, 0, 2)
        inside = jnp.ones(xs.shape[:3], bool) if mask is None else jnp.moveaxis(mask, 0, 2)
        for number, (part, p) in enumerate(zip(parts, params, strict=True)):
            xs, inside = part.apply(p, xs, inside)
            if key is not None:
                noise = dropout_mask(jax.random.fold_in(key, number), dropout, xs.shape)
                xs = xs * noise.astype(xs.dtype)
        return EncoderOutput(*sum_rows(xs, inside), ())

    return GridEncoder(init, apply)


def _level(level: GridLevel, inputs: int, cell: Callable, directions: Sequence[str]) -> Layer:
    """Return one level, whose ``apply`` maps ``(params, xs, mask)`` to ``(xs, mask)``."""
    size = inputs * level.block[0] * level.block[1]
    feed = layer(nnx.Linear, size, level.features) if level.features else None
    recurrence = cell(level.features or size, level.hidden)

    def init(key: jax.Array) -> Params:
        key_feed, key_grid = jax.random.split(key)
        params = {"grid": init_grid(recurrence, key_grid, directions)}
        return params | ({"feed": feed.init(key_feed)} if feed else {})

    def apply(params: Params, xs: Array, mask: Array) -> tuple[Array, Array]:
        xs, mask = gather_blocks(xs, mask, level.block)
        xs = jnp.tanh(feed.apply(params["feed"], xs)) if feed else xs
        ys = unroll_grid(recurrence, params["grid"], xs, mask, directions=directions)
        return jnp.concatenate(list(ys), axis=-1), mask

    return Layer(init, apply)
