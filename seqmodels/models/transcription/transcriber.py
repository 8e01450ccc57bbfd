"""Transcriber: layers over the frames of a sequence, and logits of a symbol in each frame."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from seqmodels.cells.registry import cell_named
from seqmodels.data.ragged import Padded
from seqmodels.flax import layer
from seqmodels.layers.frames import Frames, chain, join_frames, recurrent_frames
from seqmodels.models.grid_encoder import GridLevel, grid_encoder
from seqmodels.models.transcription.config import TranscriberConfig
from seqmodels.noise import Rate, dropout, dropout_mask
from seqmodels.types import Array, Bool, Float, Layer, Params
from seqmodels.wrap import bidirectional


class FrameLogits(NamedTuple):
    """Logits of the symbols, where 0 is the blank, in each frame."""

    logits: Float[Array, "T B V"]
    mask: Bool[Array, "T B"]


class Transcriber(NamedTuple):
    """Sequences in, logits of a symbol or a blank in each frame out.

    init:  ``(key) -> params``
    apply: ``(params, x, key=None) -> FrameLogits``, for ``Padded`` sequences; a key turns on noise
    """

    init: Callable[[jax.Array], Params]
    apply: Callable[..., FrameLogits]


def transcriber(layers: Layer, width: int, symbols: int, *, drop: Rate = 0.0) -> Transcriber:
    """Return a transcriber ``logits_t = W d(layers(x)_t) + b``.

    layers:  a layer of frames (see ``layers.frames``)
    width:   number of its output features
    symbols: number of symbols, including the blank
    drop:    rate of the dropout d, with one mask per sequence
    """
    readout = layer(nnx.Linear, width, symbols)

    def init(key: jax.Array) -> Params:
        key_l, key_r = jax.random.split(key)
        return {"layers": layers.init(key_l), "readout": readout.init(key_r)}

    def apply(params: Params, x: Padded, key: jax.Array | None = None) -> FrameLogits:
        key_l, key_d = (None, None) if key is None else jax.random.split(key)
        frames = Frames(jnp.asarray(x.values, jnp.float32), jnp.asarray(x.mask))
        ys, mask = layers.apply(params["layers"], frames, key_l)
        if key_d is not None:
            ys = ys * dropout_mask(key_d, drop, ys.shape[1:]).astype(ys.dtype)[None]
        return FrameLogits(readout.apply(params["readout"], ys), mask)

    return Transcriber(init, apply)


def recurrent_transcriber(
    config: TranscriberConfig,
    rates: Mapping[str, Any],
    inputs: int,
    symbols: int,
    *,
    front: Layer | None = None,
) -> Transcriber:
    """Return a transcriber with bidirectional layers, between which frames may be joined.

    rates:  may hold ``dropout``, which is zero otherwise; the first inputs are not dropped
    inputs: features of a frame, after ``front`` if there is one
    front:  layer of frames before the recurrent ones, for example a convolution
    """
    rate = rates.get("dropout", 0.0)
    make, width, layers = cell_named(config.cell), inputs, [] if front is None else [front]
    for number in range(config.layers):
        count = config.join[number] if number < len(config.join) else 1
        if count > 1:
            layers.append(join_frames(count))
        cell = bidirectional(make(width * count, config.hidden))
        layers.append(recurrent_frames(dropout(cell, inputs=rate if number else None)))
        width = 2 * config.hidden
    return transcriber(chain(*layers), width, symbols, drop=rate)


def grid_transcriber(levels: Sequence[GridLevel], symbols: int, *, drop: Rate = 0.0) -> Transcriber:
    """Return a transcriber of images by recurrences over two dimensions; frames are columns.

    Graves and Schmidhuber (2009), "Offline handwriting recognition with multidimensional recurrent
    neural networks".

    drop: rate of the dropout on the outputs of all recurrences
    """
    encode = grid_encoder(1, levels, dropout=drop)

    def apply(params: Params, frames: Frames, key: Any = None) -> Frames:
        pictures = jnp.transpose(frames.values, (1, 2, 0))[..., None]  # [B, H, W, 1]
        shape = pictures.shape[:3]
        mask = jnp.broadcast_to(frames.mask.T[:, None], shape)
        found = encode.apply(params, pictures, mask, key)
        return Frames(found.outputs, found.mask)

    width = 4 * levels[-1].hidden  # directions
    return transcriber(Layer(encode.init, apply), width, symbols)
