"""cuDNN's LSTM through ``jax.experimental.rnn``: one kernel launch for a whole sequence, on NVIDIA.

A masked step changes no state and shows a zero, so a sequence with gaps is the shorter sequence
without them.  That is how any mask, not only one of padding at the end, becomes a length: the
steps that count move to the front, and the outputs back to their places.

cuDNN's call has no batching rule.  Under ``vmap`` the engine therefore is ``fused``: of the same
equations, with gradients, and without a loop over the members of a population.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jax.experimental import rnn
from jax.experimental.layout import Layout, with_layout_constraint

from seqmodels.cells.build import gate_scale, rows
from seqmodels.cells.lstm import LSTMCarry, lstm
from seqmodels.engines.fused import Fused
from seqmodels.engines.members import axes
from seqmodels.engines.problem import Problem, inputs_of, where, zeros_like
from seqmodels.types import Array, Bool, Carry, Float, Int, Params, PyTree, Structured


class Cudnn(NamedTuple):
    """Takes the plain float32 LSTM on an NVIDIA device; no forward mode, no second derivatives."""

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        batch = problem.batch_shape
        xs = one_batch_axis(inputs_of(problem.xs).astype(jnp.float32), batch, 1)
        carry = jax.tree.map(lambda a: one_batch_axis(a, batch, 0), problem.carry)
        weights = weights_of(problem)
        if problem.mask is None:
            lengths = jnp.full(xs.shape[1], problem.length, jnp.int32)
            ys, carry = recurrence(weights, xs, carry, lengths)
        else:
            mask = one_batch_axis(problem.mask, batch, 1)
            ys, carry = without_gaps(weights, xs, carry, mask)
        ys = ys.reshape(problem.length, *batch, ys.shape[-1])
        return ys, jax.tree.map(lambda a: a.reshape(*batch, a.shape[-1]), carry)

    def refusal(self, problem: Problem) -> str | None:
        """Why it cannot run a problem; ``None`` where it can."""
        form = problem.cell.form
        if not isinstance(form, Structured) or form.plain != "lstm":
            return (
                "knows only the plain float32 LSTM: no peepholes, layer norm, projection or noise"
            )
        if any(a.dtype != jnp.float32 for a in jax.tree.leaves(problem.params)):
            return "needs parameters in float32"
        if problem.kernel.dtype != jnp.float32:
            return "needs matmuls in float32"
        if problem.resets is not None:
            return "has no steps at which resets could act"
        if problem.clip is not None:
            return "has no steps at which clip_gradient could act"
        return None if on_nvidia() else f"needs an NVIDIA device, not {jax.default_backend()}"


def on_nvidia() -> bool:
    """Whether computations go to an NVIDIA device by default."""
    if jax.default_backend() != "gpu":
        return False
    try:
        return bool(jax.devices("cuda"))
    except RuntimeError:  # another maker's GPU
        return False


def one_batch_axis(a: Array, batch: tuple[int, ...], axis: int) -> Array:
    """The batch axes, which begin at ``axis``, as one."""
    return a.reshape(*a.shape[:axis], math.prod(batch), *a.shape[axis + len(batch) :])


def weights_of(problem: Problem) -> Params:
    """``wx``, ``wh`` and ``b`` again: what the cell prepares has those of sigmoid gates halved."""
    form = problem.cell.form
    assert isinstance(form, Structured)  # by ``refusal``
    prepared = form.prepare(problem.params)
    scale = gate_scale(prepared["b"].shape[0] // 4, 4, linear=(2,))
    return {name: prepared[name] / rows(scale, prepared[name]) for name in ("wx", "wh", "b")}


def without_gaps(
    weights: Params, xs: Float[Array, "T B D"], carry: Carry, mask: Bool[Array, "T B"]
) -> tuple[Array, Carry]:
    """The recurrence over the steps that count, which are moved to the front and back."""
    order = jnp.argsort(~mask, axis=0, stable=True)
    place = jnp.maximum(jnp.cumsum(mask, axis=0, dtype=jnp.int32) - 1, 0)
    lengths = jnp.sum(mask, axis=0, dtype=jnp.int32)
    front = jnp.take_along_axis(xs, order[..., None], axis=0)
    ys, last = recurrence(weights, front, carry, jnp.maximum(lengths, 1))
    ys = jnp.take_along_axis(ys, place[..., None], axis=0)
    return where(mask, ys, zeros_like(ys)), where(lengths > 0, last, carry)


def pack(weights: Params) -> Float[Array, " P"]:
    """Our weights as cuDNN's one vector: W_ih, W_hh, b_ih and a second bias, which is zero."""
    parts = [weights["wx"].T, weights["wh"].T, weights["b"], jnp.zeros_like(weights["b"])]
    return jnp.concatenate([part.ravel() for part in parts])


def shape_of(weights: Params) -> tuple[int, int, int, float, bool, None]:
    """What ``jax.experimental.rnn`` wants to know: sizes, one layer, no dropout, one direction."""
    return weights["wx"].shape[0], weights["wh"].shape[0], 1, 0.0, False, None


@jax.custom_vjp
def recurrence(
    weights: Params,
    xs: Float[Array, "T B D"],
    carry: LSTMCarry,
    lengths: Int[Array, " B"],
) -> tuple[Array, LSTMCarry]:
    """``(ys, carry)`` of the first ``lengths`` steps (at least one) of every row."""
    return forwards(weights, xs, carry, lengths)[0]


def save(weights: Params, xs: Array, carry: Carry, lengths: Array) -> tuple:
    """``recurrence``, and what its backward pass needs."""
    out, reserve = forwards(weights, xs, carry, lengths)
    return out, (weights, xs, carry, lengths, out[0], reserve)


def pull(saved: tuple, cotangents: tuple) -> tuple:
    """The cotangents of weights, inputs and carry; lengths have none."""
    return *backwards(saved, cotangents), None


recurrence.defvjp(save, pull)


def as_written(tree: PyTree) -> PyTree:
    """The same arrays, laid out in memory in the order of their axes.

    ``jax.experimental.rnn`` does not tell XLA that cuDNN wants them so.  Without this an array
    whose axes were swapped would be handed over as it lay before.
    """

    def constrained(a: Array) -> Array:
        return with_layout_constraint(a, Layout(major_to_minor=tuple(range(a.ndim))))

    return jax.tree.map(constrained, tree)


@custom_vmap
def forwards(weights: Params, xs: Array, carry: LSTMCarry, lengths: Array) -> tuple:
    """cuDNN's forward pass: the outputs, and what it reserves for the backward pass."""
    start = carry.h[None], carry.c[None]
    arrays = as_written((xs.swapaxes(0, 1), *start, pack(weights), lengths))
    inputs = *arrays, *shape_of(weights)
    out, saved = rnn.lstm_fwd(*inputs)
    ys, h, c = as_written(out)
    return (ys.swapaxes(0, 1), LSTMCarry(h[0], c[0])), saved[-1]


@custom_vmap
def backwards(saved: tuple, cotangents: tuple) -> tuple:
    """cuDNN's backward pass: the cotangents of weights, inputs and carry."""
    weights, xs, carry, lengths, ys, reserve = saved
    dys, dcarry = cotangents
    packed, unpack = jax.vjp(pack, weights)
    start = carry.h[None], carry.c[None]
    residuals = xs.swapaxes(0, 1), *start, packed, lengths, ys.swapaxes(0, 1), reserve
    outer = dys.swapaxes(0, 1), dcarry.h[None], dcarry.c[None]
    out = rnn.lstm_bwd(*shape_of(weights), as_written(residuals), as_written(outer))
    dxs, dh, dc, dpacked, _ = as_written(out)
    return unpack(dpacked)[0], dxs.swapaxes(0, 1), LSTMCarry(dh[0], dc[0])


def fallback(weights: Params, xs: Array, carry: LSTMCarry, lengths: Array) -> tuple[Array, Carry]:
    """What ``recurrence`` means, by ``fused``."""
    cell = lstm(weights["wx"].shape[0], weights["wh"].shape[0])
    mask = jnp.arange(xs.shape[0], dtype=jnp.int32)[:, None] < lengths[None]
    return Fused()(Problem(cell, weights, xs, carry, mask))


@forwards.def_vmap
def forwards_of_many(size: int, batched: list, *inputs: PyTree) -> tuple:
    """Under ``vmap`` the fallback runs, since a kernel launch knows one set of weights."""
    one = jax.tree.map(lambda a, many: a[0] if many else a, list(inputs), batched)
    reserve = jax.eval_shape(forwards.fun, *one)[1]
    out = (
        jax.vmap(fallback, axes(batched))(*inputs),
        jnp.zeros((size, *reserve.shape), reserve.dtype),
    )
    return out, jax.tree.map(lambda _: True, out)


@backwards.def_vmap
def backwards_of_many(size: int, batched: list, *inputs: PyTree) -> tuple:
    """The backward pass of the same fallback."""

    def one(saved: tuple, cotangents: tuple) -> tuple:
        weights, xs, carry, lengths, _, _ = saved
        run = lambda weights, xs, carry: fallback(weights, xs, carry, lengths)  # noqa: E731
        return jax.vjp(run, weights, xs, carry)[1](cotangents)

    out = jax.vmap(one, axes(batched))(*inputs)
    return out, jax.tree.map(lambda _: True, out)
