"""A recurrent cell that looks at a source: the whole decoder is a ``Cell`` again.

What it looks at lies beside its weights (``Bound``), not in the carry: it never changes, and the
beams of a sentence share it, so that no step has to carry, mask or reorder it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.build import affine, glorot
from seqmodels.engines.problem import inputs_of, noise_of, where, zeros_like
from seqmodels.errors import UserError
from seqmodels.layers.attention import Attended, Attention, Source, attend
from seqmodels.types import Array, Bool, Carry, Cell, Composite, Float, Params
from seqmodels.wrap import draw_cell, output_size, with_noise


class Bound(NamedTuple):
    """The decoder's weights and the source of one run."""

    own: Params
    source: Source


class State(NamedTuple):
    """The carry of an attention decoder."""

    cell: Carry
    fed: Any  # the last output, where it is fed to the next step; else ()
    covered: Float[Array, "*B S"]  # the sum of all weights so far


def attention_decoder(
    cell: Cell,
    attention: Attention,
    memory: int,
    size: int,
    *,
    feeding: bool = False,
    coverage: bool = False,
) -> Cell:
    """A cell and what it attends to, in one output of ``size`` features (Luong et al., 2015).

        h_t = cell(h_{t-1}, [x_t, y_{t-1}]),    c_t = attend(h_t),    y_t = tanh(W [h_t, c_t] + b)

    memory:   features of the source.
    feeding:  the cell sees y_{t-1} (input feeding), so it must be ``size`` wider than x.  Without,
        the recurrence does not depend on what was attended to: ``unroll`` runs it first and then
        attends for all steps at once.
    coverage: the score of position s gains w times the weight it had so far, with w learned, in
        the manner of Tu et al. (2016), arXiv:1601.04811.

    Its parameters for a run are ``bind(attention, params, values, mask)``.
    """

    def init(key: jax.Array) -> Params:
        key_c, key_a, key_w = jax.random.split(key, 3)
        params = {"cell": cell.init(key_c), "attention": attention.init(key_a)}
        width = output_size(cell, params["cell"]) + memory
        combine = {"w": glorot(key_w, (width, size)), "b": jnp.zeros((size,))}
        return params | {"combine": combine} | ({"coverage": jnp.zeros(())} if coverage else {})

    def start(params: Bound, batch_shape: tuple[int, ...]) -> State:
        inner = cell.start(params.own["cell"], batch_shape)
        return begin(inner, params.source, batch_shape)

    def begin(inner: Carry, source: Source, batch_shape: tuple[int, ...]) -> State:
        fed = jnp.zeros((*batch_shape, size)) if feeding else ()
        return State(inner, fed, jnp.zeros((*batch_shape, source.mask.shape[-1])))

    def look(params: Bound, h: Array, covered: Array | None) -> tuple[Attended, Array]:
        own, bias = params.own, None
        if coverage and covered is not None:
            bias = jnp.broadcast_to(own["coverage"], covered.shape) * covered
        attended = attend(attention, own["attention"], params.source, h, bias)
        both = jnp.concatenate([h, attended.context.astype(h.dtype)], axis=-1)
        return attended, jnp.tanh(affine(both, own["combine"]["w"], own["combine"]["b"]))

    def step(params: Bound, carry: State, x: Any) -> tuple[State, Array]:
        seen = inputs_of(x)
        seen = jnp.concatenate([seen, carry.fed], axis=-1) if feeding else seen
        inner, h = cell.step(params.own["cell"], carry.cell, with_noise(seen, noise_of(x)))
        attended, y = look(params, h, carry.covered)
        return State(inner, y if feeding else (), carry.covered + attended.weights), y

    def draw(params: Bound, key: Any, length: int, batch_shape: tuple[int, ...]):
        drawn, noise = draw_cell(cell, params.own["cell"], key, length, batch_shape)
        return params._replace(own=params.own | {"cell": drawn}), noise

    def unroll(unroll_one: Callable, params: Bound, xs: Array, carry: State, options: dict):
        mask = options["mask"]
        if options["resets"] is not None or options["reverse"]:
            raise UserError("a decoder has one target for a source: no resets, no reverse")
        hs, inner = unroll_one(cell, params.own["cell"], xs, carry.cell, **options)
        attended, ys = look(params, jnp.moveaxis(hs, 0, -2), None)
        ys, weights = (jnp.moveaxis(a, -2, 0) for a in (ys, attended.weights))
        weights = where(mask, weights, zeros_like(weights))
        state = State(inner, (), carry.covered + jnp.sum(weights, axis=0))
        return where(mask, ys, zeros_like(ys)), state

    sequential = feeding or coverage
    form = None if sequential else Composite(unroll)
    return Cell(init, start, step, draw if sequential else None, form)


def bind(
    attention: Attention,
    params: Params,
    values: Float[Array, "*B S M"],
    mask: Bool[Array, "*B S"],
) -> Bound:
    """The decoder's parameters beside a source, whose keys are computed here, once."""
    keys = attention.keys(params["attention"], values)
    return Bound(params, Source(values, keys, mask))
