"""A recurrent cell that is given one summary of its source at every step.

As in an attention decoder, what is given lies beside the weights (``Given``), not in the carry.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.build import affine, glorot
from seqmodels.engines.problem import inputs_of, noise_of, where, zeros_like
from seqmodels.errors import UserError
from seqmodels.types import Array, Carry, Cell, Composite, Float, Params
from seqmodels.wrap import draw_cell, output_size, with_noise


class Given(NamedTuple):
    """The decoder's weights and the summary of one source."""

    own: Params
    context: Float[Array, "*B C"]


def context_decoder(cell: Cell, memory: int, width: int, size: int) -> Cell:
    """A cell of which every step, and what it puts out, knows a summary of ``width`` features.

        c = tanh(V m + d),    h_t = cell(h_{t-1}, [x_t, c]),    y_t = tanh(W [h_t, c] + b)

    Cho et al. (2014), arXiv:1406.1078; m are ``memory`` features of the source, ``size`` is the
    width of the output.  The cell must be ``width`` wider than x.  Its parameters for a run are
    ``summarised(params, m)``.
    """

    def init(key: jax.Array) -> Params:
        key_c, key_v, key_w = jax.random.split(key, 3)
        params = {"cell": cell.init(key_c)}
        return params | {
            "summary": layer(key_v, memory, width),
            "combine": layer(key_w, output_size(cell, params["cell"]) + width, size),
        }

    def start(params: Given, batch_shape: tuple[int, ...]) -> Carry:
        return cell.start(params.own["cell"], batch_shape)

    def read_out(params: Given, hs: Array, context: Array) -> Array:
        both = jnp.concatenate([hs, context.astype(hs.dtype)], axis=-1)
        return jnp.tanh(affine(both, params.own["combine"]["w"], params.own["combine"]["b"]))

    def step(params: Given, carry: Carry, x: Any) -> tuple[Carry, Array]:
        seen = inputs_of(x)
        inner = (1,) * (seen.ndim - params.context.ndim)  # beams of a source share its summary
        context = params.context.reshape(*params.context.shape[:-1], *inner, width)
        context = jnp.broadcast_to(context, (*seen.shape[:-1], width))
        seen = with_noise(jnp.concatenate([seen, context], axis=-1), noise_of(x))
        carry, h = cell.step(params.own["cell"], carry, seen)
        return carry, read_out(params, h, context)

    def draw(params: Given, key: Any, length: int, batch_shape: tuple[int, ...]):
        drawn, noise = draw_cell(cell, params.own["cell"], key, length, batch_shape)
        return params._replace(own=params.own | {"cell": drawn}), noise

    def unroll(unroll_one: Callable, params: Given, xs: Array, carry: Carry, options: dict):
        mask = options["mask"]
        if options["resets"] is not None or options["reverse"]:
            raise UserError("a decoder has one target for a source: no resets, no reverse")
        context = jnp.broadcast_to(params.context, (*xs.shape[:-1], width))
        seen = jnp.concatenate([xs, context], axis=-1)
        hs, carry = unroll_one(cell, params.own["cell"], seen, carry, **options)
        ys = read_out(params, hs, context)
        return where(mask, ys, zeros_like(ys)), carry

    return Cell(init, start, step, draw, Composite(unroll))


def layer(key: jax.Array, inputs: int, outputs: int) -> Params:
    """A matrix and its bias."""
    return {"w": glorot(key, (inputs, outputs)), "b": jnp.zeros((outputs,))}


def summarised(params: Params, memory: Float[Array, "*B M"]) -> Given:
    """The decoder's parameters beside a source's summary, which is computed here, once."""
    return Given(params, jnp.tanh(affine(memory, params["summary"]["w"], params["summary"]["b"])))
