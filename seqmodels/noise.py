"""Stochastic wraps: dropout, recurrent weight drop, zoneout.

Noise is drawn by ``unroll(key=...)``; without a key every wrap is deterministic.  Rates may be
traced arrays, so that a sweep can vary them under ``vmap``.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.build import structured_cell
from seqmodels.engines.problem import inputs_of, noise_of, zeros_like
from seqmodels.errors import UserError
from seqmodels.types import Array, Carry, Cell, Params, Pullback, PyTree, Structured
from seqmodels.wrap import Drawn, around, draw_cell, input_size, output_size, with_noise

Rate = float | Array


class Masks(NamedTuple):
    """Dropout masks for inputs and outputs; ``None`` where nothing is dropped."""

    x: Array | None
    y: Array | None


def keep_mask(key: Any, rate: Rate, shape: tuple[int, ...]) -> Array:
    """0 with probability ``rate``, else ``1 / (1 - rate)``."""
    keep = 1.0 - jnp.asarray(rate, jnp.float32)
    kept = jax.random.bernoulli(key, keep, shape)
    return jnp.where(kept, 1.0 / jnp.maximum(keep, 1e-6), 0.0)


def dropped(mask: Array | None, x: Array) -> Array:
    """``x`` under a mask, if there is one."""
    return x if mask is None else x * mask.astype(x.dtype)


def dropout(
    cell: Cell,
    *,
    inputs: Rate | None = None,
    outputs: Rate | None = None,
    state: Rate | None = None,
    locked: bool = True,
) -> Cell:
    """Dropout on what goes in, what comes out, and what the recurrent matmul sees of the state.

    ``locked`` (variational) keeps one mask for the whole sequence, Gal and Ghahramani (2016),
    arXiv:1512.05287; otherwise inputs and outputs have a fresh mask at every step, Zaremba et al.
    (2014), arXiv:1409.2329.  The state's mask is always locked.
    """
    inner = cell if state is None else state_dropout(cell, state)
    if inputs is None and outputs is None:
        return inner

    def masks(key: Any, shape: tuple[int, ...], cell: Cell, params: Params) -> Masks:
        key_x, key_y = jax.random.split(key)
        x = None if inputs is None else keep_mask(key_x, inputs, (*shape, input_size(cell)))
        if outputs is None:
            return Masks(x, None)
        return Masks(x, keep_mask(key_y, outputs, (*shape, output_size(cell, params))))

    return around(
        inner,
        before=lambda own, x: dropped(own and own.x, x),
        after=lambda own, x, y: dropped(own and own.y, y),
        masks=masks,
        locked=locked,
    )


def structure_of(cell: Cell, wrap: str) -> Structured:
    """The structured form that a wrap of the recurrence needs."""
    if not isinstance(cell.form, Structured):
        raise UserError(f"{wrap} acts inside the recurrence: wrap each structured cell with it")
    return cell.form


def weight_drop(cell: Cell, rate: Rate, name: str = "wh") -> Cell:
    """DropConnect on the recurrent weights, one mask for all sequences and steps of a run.

    Merity, Keskar and Socher (2017), arXiv:1708.02182.
    """

    def draw(params: Params, key: Any, length: int, batch_shape: tuple[int, ...]):
        if name not in params:
            raise UserError(f"weight_drop: the cell has no {name!r}, only {sorted(params)}")
        key, key_own = jax.random.split(key)
        weight = params[name]
        mask = keep_mask(key_own, rate, weight.shape).astype(weight.dtype)
        return draw_cell(cell, params | {name: weight * mask}, key, length, batch_shape)

    return cell._replace(draw=draw)


def drawn(params: Params) -> Drawn:
    """The parameters beside what the wrap drew, if it did."""
    return params if isinstance(params, Drawn) else Drawn(params, None)


def state_dropout(cell: Cell, rate: Rate) -> Cell:
    """One mask a sequence on what the recurrent matmul sees: ``(m * h_{t-1}) @ W_h``."""
    form = structure_of(cell, "dropout(state=...)")

    def prepare(params: Params) -> Drawn:
        inner, mask = drawn(params)
        return Drawn(form.prepare(inner), mask)

    def draw(params: Params, key: Any, length: int, batch_shape: tuple[int, ...]):
        key, key_own = jax.random.split(key)
        carry = jax.eval_shape(lambda p: cell.start(p, batch_shape), params)
        hidden = jax.eval_shape(lambda p, c: form.hidden(form.prepare(p), c), params, carry)
        inner, noise = draw_cell(cell, params, key, length, batch_shape)
        return Drawn(inner, keep_mask(key_own, rate, hidden.shape)), noise

    rewired = Structured(
        project=lambda p, x: form.project(p.cell, x),
        kernel=lambda p: form.kernel(p.cell),
        hidden=lambda p, carry: dropped(p.own, form.hidden(p.cell, carry)),
        update=lambda p, carry, u, a: form.update(p.cell, carry, u, a),
        prepare=prepare,
        pullback=form.pullback and of_inner(form.pullback),
    )
    return rewire(cell, rewired, draw)


def of_inner(pullback: Pullback) -> Pullback:
    """The pullback of a cell whose parameters lie inside ``Drawn``."""

    def gather(params: Drawn, *rest: Any) -> Drawn:
        assert pullback.gather is not None
        return Drawn(pullback.gather(params.cell, *rest), zeros_like(params.own))

    return pullback._replace(
        keep=lambda params, *rest: pullback.keep(params.cell, *rest),
        linearise=lambda params, *rest: pullback.linearise(params.cell, *rest),
        gather=pullback.gather and gather,
    )


def zoneout(cell: Cell, rates: Rate | Carry) -> Cell:
    """Each unit of the state keeps its old value with probability z (Krueger et al. 2017).

        s_t = z * s_{t-1} + (1 - z) * s'_t,    z ~ Bernoulli(rate), or z = rate without a key

    ``rates`` is one rate, or one for each part of the carry: ``LSTMCarry(h=0.05, c=0.5)``.  The
    output is the first part of the zoned carry, as it is in RNN, LSTM, GRU and sLSTM.
    arXiv:1606.01305.
    """
    form = structure_of(cell, "zoneout")

    def prepare(params: Params) -> Drawn:
        inner, _ = drawn(params)
        return Drawn(form.prepare(inner), jax.tree.map(jnp.asarray, rates))

    def draw(params: Params, key: Any, length: int, batch_shape: tuple[int, ...]):
        key, key_own = jax.random.split(key)
        inner, noise = draw_cell(cell, params, key, length, batch_shape)
        carry = jax.eval_shape(lambda p: cell.start(p, batch_shape), params)
        leaves, tree = jax.tree.flatten(carry)
        keys = jax.tree.unflatten(tree, jax.random.split(key_own, len(leaves)))
        kept = jax.tree.map(
            lambda k, leaf, rate: jax.random.bernoulli(k, rate, (length, *leaf.shape)),
            keys,
            carry,
            jax.tree.broadcast(rates, carry),
        )
        return Drawn(inner, None), (noise, kept)

    def project(p: Drawn, x: Any) -> tuple[PyTree, PyTree]:
        inputs, (noise, kept) = inputs_of(x), noise_of(x) or ((), None)
        kept = jax.tree.map(lambda z: z.astype(inputs.dtype), kept)
        return form.project(p.cell, with_noise(inputs, noise)), kept

    def update(p: Drawn, carry: Carry, u: tuple, a: Array) -> tuple[Carry, Any]:
        inner, kept = u
        new, y = form.update(p.cell, carry, inner, a)
        kept = jax.tree.broadcast(p.own, carry) if kept is None else kept
        zoned = jax.tree.map(zone, kept, carry, new)
        shown = jax.tree.leaves(zoned)[0]
        if shown.shape != y.shape:
            raise UserError("zoneout: needs a cell whose output is the first part of its carry")
        return zoned, shown.astype(y.dtype)

    rewired = Structured(
        project=project,
        kernel=lambda p: form.kernel(p.cell),
        hidden=lambda p, carry: form.hidden(p.cell, carry),
        update=update,
        prepare=prepare,
    )
    return rewire(cell, rewired, draw)


def zone(kept: Array, old: Array, new: Array) -> Array:
    """``z * old + (1 - z) * new``; z is 0 or 1 in a noisy run, the rate in a quiet one."""
    kept = jnp.broadcast_to(kept.astype(new.dtype), new.shape)
    return kept * old + (1.0 - kept) * new


def rewire(cell: Cell, form: Structured, draw: Any) -> Cell:
    """The cell with another structured form; its initial state is what it was."""
    rewired = structured_cell(
        cell.init, lambda params, batch: cell.start(drawn(params).cell, batch), form, cell.size
    )
    return rewired._replace(draw=draw)
