"""A recurrent cell that attends to a source; the whole decoder is a ``Cell``.

The source is part of the parameters (``AttentionDecoderParams``), not of the carry. It does not
change from step to step, and all beams of a sentence share it, so that no step has to carry, mask
or reorder it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.engines.problem import inputs_of, noise_of, where, zeros_like
from seqmodels.layers.attention import Attention, AttentionOutput, AttentionSource, attend
from seqmodels.models.seq2seq.decoder_layers import check_decoder_options, combine, init_affine
from seqmodels.types import Array, Bool, Carry, Cell, Composite, Float, Params
from seqmodels.wrap_io import attach_noise, draw_noise, output_size


class AttentionDecoderParams(NamedTuple):
    """The decoder's weights and the source that it attends to."""

    weights: Params
    source: AttentionSource


class AttentionDecoderCarry(NamedTuple):
    """The carry of the cell, the last output, and the sum of all attention weights so far."""

    cell: Carry
    output: Any  # () without input feeding
    coverage: Float[Array, "*B S"]


def attention_decoder(
    cell: Cell,
    attention: Attention,
    memory: int,
    size: int,
    *,
    feeding: bool = False,
    coverage: bool = False,
) -> Cell:
    """Return a cell whose output combines the state of ``cell`` with an attention context.

        h_t = cell(h_{t-1}, [x_t, y_{t-1}]),    c_t = attend(h_t),    y_t = tanh([h_t, c_t] W + b)

    Luong et al. (2015), arXiv:1508.04025. The parameters of a run are
    ``attach_source(attention, params, values, mask)``.

    memory:   features of the source
    size:     features of the output
    feeding:  add y_{t-1} to the input of ``cell``, which must take ``size`` more features.
              Otherwise the recurrence does not depend on the attention: ``unroll`` runs it first
              and then attends for all steps at once.
    coverage: add w times its past attention weights to the score of a position, with a learned w,
              similar to Tu et al. (2016), arXiv:1601.04811
    """

    def init(key: jax.Array) -> Params:
        key_c, key_a, key_w = jax.random.split(key, 3)
        params = {"cell": cell.init(key_c), "attention": attention.init(key_a)}
        width = output_size(cell, params["cell"]) + memory
        params["combine"] = init_affine(key_w, width, size)
        return params | ({"coverage": jnp.zeros(())} if coverage else {})

    def start(
        params: AttentionDecoderParams, batch_shape: tuple[int, ...]
    ) -> AttentionDecoderCarry:
        output = jnp.zeros((*batch_shape, size)) if feeding else ()
        weights = jnp.zeros((*batch_shape, params.source.mask.shape[-1]))
        return AttentionDecoderCarry(
            cell.start(params.weights["cell"], batch_shape), output, weights
        )

    def read(
        params: AttentionDecoderParams, h: Array, past: Array | None
    ) -> tuple[AttentionOutput, Array]:
        weights, bias = params.weights, None
        if coverage and past is not None:
            bias = jnp.broadcast_to(weights["coverage"], past.shape) * past
        attended = attend(attention, weights["attention"], params.source, h, bias)
        return attended, combine(weights["combine"], h, attended.context)

    def step(
        params: AttentionDecoderParams, carry: AttentionDecoderCarry, x: Any
    ) -> tuple[AttentionDecoderCarry, Array]:
        inputs = inputs_of(x)
        inputs = jnp.concatenate([inputs, carry.output], axis=-1) if feeding else inputs
        inputs = attach_noise(inputs, noise_of(x))
        inner, h = cell.step(params.weights["cell"], carry.cell, inputs)
        attended, y = read(params, h, carry.coverage)
        past = carry.coverage + attended.weights
        return AttentionDecoderCarry(inner, y if feeding else (), past), y

    def draw(params: AttentionDecoderParams, key: Any, length: int, batch_shape: tuple[int, ...]):
        noisy, noise = draw_noise(cell, params.weights["cell"], key, length, batch_shape)
        return params._replace(weights=params.weights | {"cell": noisy}), noise

    def unroll(
        unroll_one: Callable,
        params: AttentionDecoderParams,
        xs: Array,
        carry: AttentionDecoderCarry,
        options: dict,
    ):
        check_decoder_options(options)
        mask = options["mask"]
        hs, inner = unroll_one(cell, params.weights["cell"], xs, carry.cell, **options)
        attended, ys = read(params, jnp.moveaxis(hs, 0, -2), None)
        ys, weights = (jnp.moveaxis(a, -2, 0) for a in (ys, attended.weights))
        weights = where(mask, weights, zeros_like(weights))
        past = carry.coverage + jnp.sum(weights, axis=0)
        return where(mask, ys, zeros_like(ys)), AttentionDecoderCarry(inner, (), past)

    if feeding or coverage:  # each step depends on the attention of the one before
        return Cell(init, start, step, draw)
    return Cell(init, start, step, draw, Composite(unroll))


def attach_source(
    attention: Attention,
    params: Params,
    values: Float[Array, "*B S M"],
    mask: Bool[Array, "*B S"],
) -> AttentionDecoderParams:
    """Return the decoder's parameters with a source, whose attention keys are computed here."""
    keys = attention.keys(params["attention"], values)
    return AttentionDecoderParams(params, AttentionSource(values, keys, mask))
