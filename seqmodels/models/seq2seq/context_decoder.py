"""A recurrent cell that sees the same summary of its source at every step.

As in the attention decoder, the summary is part of the parameters (``ContextDecoderParams``), not
of the carry.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.engines.problem import inputs_of, noise_of, where, zeros_like
from seqmodels.models.seq2seq.decoder_layers import (
    check_decoder_options,
    combine,
    init_affine,
    tanh_affine,
)
from seqmodels.types import Array, Carry, Cell, Composite, Float, Params
from seqmodels.wrap_io import attach_noise, draw_noise, output_size


class ContextDecoderParams(NamedTuple):
    """The decoder's weights and the summary of one source."""

    weights: Params
    context: Float[Array, "*B C"]


def context_decoder(cell: Cell, memory: int, width: int, size: int) -> Cell:
    """Return a cell that adds a summary of the source to its inputs and its output.

        c = tanh(m V + d),    h_t = cell(h_{t-1}, [x_t, c]),    y_t = tanh([h_t, c] W + b)

    Cho et al. (2014), arXiv:1406.1078. The parameters of a run are ``attach_context(params, m)``.

    memory: features of m, the end of the encoder
    width:  features of the summary c; ``cell`` must take this many more features than x has
    size:   features of the output
    """

    def init(key: jax.Array) -> Params:
        key_c, key_v, key_w = jax.random.split(key, 3)
        params = {"cell": cell.init(key_c), "summary": init_affine(key_v, memory, width)}
        outputs = output_size(cell, params["cell"])
        return params | {"combine": init_affine(key_w, outputs + width, size)}

    def start(params: ContextDecoderParams, batch_shape: tuple[int, ...]) -> Carry:
        return cell.start(params.weights["cell"], batch_shape)

    def step(params: ContextDecoderParams, carry: Carry, x: Any) -> tuple[Carry, Array]:
        inputs = inputs_of(x)
        beams = (1,) * (inputs.ndim - params.context.ndim)  # beams of a source share its summary
        context = params.context.reshape(*params.context.shape[:-1], *beams, width)
        context = jnp.broadcast_to(context, (*inputs.shape[:-1], width))
        inputs = attach_noise(jnp.concatenate([inputs, context], axis=-1), noise_of(x))
        carry, h = cell.step(params.weights["cell"], carry, inputs)
        return carry, combine(params.weights["combine"], h, context)

    def draw(params: ContextDecoderParams, key: Any, length: int, batch_shape: tuple[int, ...]):
        noisy, noise = draw_noise(cell, params.weights["cell"], key, length, batch_shape)
        return params._replace(weights=params.weights | {"cell": noisy}), noise

    def unroll(
        unroll_one: Callable, params: ContextDecoderParams, xs: Array, carry: Carry, options: dict
    ):
        check_decoder_options(options)
        context = jnp.broadcast_to(params.context, (*xs.shape[:-1], width))
        inputs = jnp.concatenate([xs, context], axis=-1)
        hs, carry = unroll_one(cell, params.weights["cell"], inputs, carry, **options)
        ys = combine(params.weights["combine"], hs, context)
        return where(options["mask"], ys, zeros_like(ys)), carry

    return Cell(init, start, step, draw, Composite(unroll))


def attach_context(params: Params, end: Float[Array, "*B M"]) -> ContextDecoderParams:
    """Return the decoder's parameters with the summary of a source, which is computed here."""
    return ContextDecoderParams(params, tanh_affine(params["summary"], end))
