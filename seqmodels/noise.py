"""Stochastic wraps: dropout, weight drop and zoneout.

``unroll(key=...)`` draws the noise; without a key, every wrap is deterministic.  Rates may be
traced arrays, so that a sweep can vary them under ``vmap``.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.forms import structured_cell
from seqmodels.engines.problem import inputs_of, noise_of, zeros_like
from seqmodels.errors import UserError
from seqmodels.types import Array, Carry, Cell, Params, Pullback, PyTree, Structured
from seqmodels.wrap_io import WrapParams, attach_noise, draw_noise, input_size, output_size, wrap_io

Rate = float | Array


class DropoutMasks(NamedTuple):
    """Masks of the inputs and the outputs; ``None`` for no dropout."""

    x: Array | None
    y: Array | None


def dropout_mask(key: Any, rate: Rate, shape: tuple[int, ...]) -> Array:
    """Draw 0 with probability ``rate``, else ``1 / (1 - rate)``."""
    keep = 1.0 - jnp.asarray(rate, jnp.float32)
    kept = jax.random.bernoulli(key, keep, shape)
    return jnp.where(kept, 1.0 / jnp.maximum(keep, 1e-6), 0.0)


def apply_mask(mask: Array | None, x: Array) -> Array:
    """Multiply ``x`` by a mask; return it unchanged if there is no mask."""
    return x if mask is None else x * mask.astype(x.dtype)


def dropout(
    cell: Cell,
    *,
    inputs: Rate | None = None,
    outputs: Rate | None = None,
    state: Rate | None = None,
    locked: bool = True,
) -> Cell:
    """Drop inputs, outputs, and the state that the recurrent matmul reads.

    ``locked`` (variational) dropout uses one mask for the whole sequence, Gal and Ghahramani
    (2016), arXiv:1512.05287.  Otherwise, inputs and outputs get a new mask at every step, Zaremba
    et al. (2014), arXiv:1409.2329.  The mask of the state is always locked.
    """
    inner = cell if state is None else _state_dropout(cell, state)
    if inputs is None and outputs is None:
        return inner

    def masks(key: Any, shape: tuple[int, ...], cell: Cell, params: Params) -> DropoutMasks:
        key_x, key_y = jax.random.split(key)
        x = None if inputs is None else dropout_mask(key_x, inputs, (*shape, input_size(cell)))
        if outputs is None:
            return DropoutMasks(x, None)
        return DropoutMasks(x, dropout_mask(key_y, outputs, (*shape, output_size(cell, params))))

    return wrap_io(
        inner,
        before=lambda own, x: apply_mask(own and own.x, x),
        after=lambda own, x, y: apply_mask(own and own.y, y),
        masks=masks,
        locked=locked,
    )


def weight_drop(cell: Cell, rate: Rate, name: str = "wh") -> Cell:
    """Apply DropConnect to the recurrent weights, with one mask per run.

    Merity, Keskar and Socher (2017), arXiv:1708.02182.
    """

    def draw(params: Params, key: Any, length: int, batch_shape: tuple[int, ...]):
        if name not in params:
            raise UserError(f"weight_drop: the cell has no {name!r}, only {sorted(params)}")
        key, key_own = jax.random.split(key)
        weight = params[name]
        mask = dropout_mask(key_own, rate, weight.shape).astype(weight.dtype)
        return draw_noise(cell, params | {name: weight * mask}, key, length, batch_shape)

    return cell._replace(draw=draw)


def zoneout(cell: Cell, rates: Rate | Carry) -> Cell:
    """Keep the old value of each unit of the state with probability z (Krueger et al. 2017).

        s_t = z * s_{t-1} + (1 - z) * s'_t,    z ~ Bernoulli(rate), or z = rate without a key

    ``rates`` is one rate, or one for each part of the carry: ``LSTMCarry(h=0.05, c=0.5)``.  The
    output is the first part of the new carry, as in RNN, LSTM, GRU and sLSTM.  arXiv:1606.01305.
    """
    form = _structured_form(cell, "zoneout")

    def prepare(params: Params) -> WrapParams:
        inner = _wrap_params(params).cell
        return WrapParams(form.prepare(inner), jax.tree.map(jnp.asarray, rates))

    def draw(params: Params, key: Any, length: int, batch_shape: tuple[int, ...]):
        key, key_own = jax.random.split(key)
        inner, noise = draw_noise(cell, params, key, length, batch_shape)
        carry = jax.eval_shape(lambda p: cell.start(p, batch_shape), params)
        return WrapParams(inner, None), (noise, _draw_zones(key_own, rates, carry, length))

    def project(p: WrapParams, x: Any) -> tuple[PyTree, PyTree]:
        inputs, (noise, zones) = inputs_of(x), noise_of(x) or ((), None)
        zones = jax.tree.map(lambda z: z.astype(inputs.dtype), zones)
        return form.project(p.cell, attach_noise(inputs, noise)), zones

    def update(p: WrapParams, carry: Carry, u: tuple, a: Array) -> tuple[Carry, Any]:
        inner, zones = u
        new, y = form.update(p.cell, carry, inner, a)
        zones = jax.tree.broadcast(p.own, carry) if zones is None else zones
        new = jax.tree.map(_mix, zones, carry, new)
        output = jax.tree.leaves(new)[0]
        if output.shape != y.shape:
            raise UserError("zoneout: needs a cell whose output is the first part of its carry")
        return new, output.astype(y.dtype)

    zoned = Structured(
        project=project,
        kernel=lambda p: form.kernel(p.cell),
        hidden=lambda p, carry: form.hidden(p.cell, carry),
        update=update,
        prepare=prepare,
    )
    return _replace_form(cell, zoned, draw)


def _draw_zones(key: Any, rates: Rate | Carry, carry: Carry, length: int) -> PyTree:
    """Draw which units keep their old value, for every step and every part of the carry."""
    leaves, tree = jax.tree.flatten(carry)
    keys = jax.tree.unflatten(tree, jax.random.split(key, len(leaves)))
    return jax.tree.map(
        lambda k, leaf, rate: jax.random.bernoulli(k, rate, (length, *leaf.shape)),
        keys,
        carry,
        jax.tree.broadcast(rates, carry),
    )


def _mix(z: Array, old: Array, new: Array) -> Array:
    """Return ``z * old + (1 - z) * new``."""
    z = jnp.broadcast_to(z.astype(new.dtype), new.shape)
    return z * old + (1.0 - z) * new


def _state_dropout(cell: Cell, rate: Rate) -> Cell:
    """Drop what the recurrent matmul reads, ``(m * h_{t-1}) @ W_h``, with one mask a sequence."""
    form = _structured_form(cell, "dropout(state=...)")

    def prepare(params: Params) -> WrapParams:
        inner, mask = _wrap_params(params)
        return WrapParams(form.prepare(inner), mask)

    def draw(params: Params, key: Any, length: int, batch_shape: tuple[int, ...]):
        key, key_own = jax.random.split(key)
        carry = jax.eval_shape(lambda p: cell.start(p, batch_shape), params)
        hidden = jax.eval_shape(lambda p, c: form.hidden(form.prepare(p), c), params, carry)
        inner, noise = draw_noise(cell, params, key, length, batch_shape)
        return WrapParams(inner, dropout_mask(key_own, rate, hidden.shape)), noise

    masked = Structured(
        project=lambda p, x: form.project(p.cell, x),
        kernel=lambda p: form.kernel(p.cell),
        hidden=lambda p, carry: apply_mask(p.own, form.hidden(p.cell, carry)),
        update=lambda p, carry, u, a: form.update(p.cell, carry, u, a),
        prepare=prepare,
        pullback=form.pullback and _inner_pullback(form.pullback),
    )
    return _replace_form(cell, masked, draw)


def _structured_form(cell: Cell, wrap: str) -> Structured:
    """Return the structured form of a cell; raise if it has none."""
    if not isinstance(cell.form, Structured):
        raise UserError(
            f"{wrap} acts inside the recurrence: apply it to each structured cell of the network"
        )
    return cell.form


def _wrap_params(params: Params) -> WrapParams:
    """Return what ``draw`` returned, or the bare params with no noise."""
    return params if isinstance(params, WrapParams) else WrapParams(params, None)


def _inner_pullback(pullback: Pullback) -> Pullback:
    """Return the pullback of a cell whose parameters are inside ``WrapParams``."""

    def gather(params: WrapParams, *rest: Any) -> WrapParams:
        assert pullback.gather is not None
        return WrapParams(pullback.gather(params.cell, *rest), zeros_like(params.own))

    return pullback._replace(
        keep=lambda params, *rest: pullback.keep(params.cell, *rest),
        linearise=lambda params, *rest: pullback.linearise(params.cell, *rest),
        gather=pullback.gather and gather,
    )


def _replace_form(cell: Cell, form: Structured, draw: Any) -> Cell:
    """Return the cell with another structured form and noise, and the same initial state."""

    def start(params: Params, batch_shape: tuple[int, ...]) -> Carry:
        return cell.start(_wrap_params(params).cell, batch_shape)

    return structured_cell(cell.init, start, form, cell.size)._replace(draw=draw)
