"""Cells with an additive perturbation of every state, for gradients with respect to the states."""

from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.engines.problem import inputs_of, noise_of
from seqmodels.types import (
    Array,
    Carry,
    Cell,
    Cotangents,
    Float,
    Linear,
    Params,
    Pullback,
    PyTree,
    Structured,
)
from seqmodels.wrap_io import attach_noise


def flatten_carry(carry: Carry, batch_axes: int) -> Float[Array, "*B S"]:
    """Concatenate the leaves of a carry into one real vector per row.

    A complex leaf becomes its real and its imaginary part.
    """

    def flat(leaf: Array) -> Array:
        leaf = leaf.reshape(*leaf.shape[:batch_axes], -1)
        parts = [leaf.real, leaf.imag] if jnp.iscomplexobj(leaf) else [leaf]
        return jnp.concatenate(parts, axis=-1)

    return jnp.concatenate([flat(leaf) for leaf in jax.tree.leaves(carry)], axis=-1)


def unflatten_carry(flat: Float[Array, "*B S"], shapes: PyTree) -> Carry:
    """Invert ``flatten_carry``; ``shapes`` are those of a carry without batch axes."""
    leaves, tree = jax.tree.flatten(shapes)
    parts, begin = [], 0
    for leaf in leaves:
        if jnp.issubdtype(leaf.dtype, jnp.complexfloating):
            middle, end = begin + leaf.size, begin + 2 * leaf.size
            part = jax.lax.complex(flat[..., begin:middle], flat[..., middle:end])
        else:
            end = begin + leaf.size
            part = flat[..., begin:end]
        parts.append(part.reshape(*flat.shape[:-1], *leaf.shape).astype(leaf.dtype))
        begin = end
    return jax.tree.unflatten(tree, parts)


def perturb(cell: Cell, shapes: PyTree) -> Cell:
    """Return the cell with inputs ``[x_t, e_t]``, where e_t (flattened) is added to the new carry.

        s_t, y_t = step(s_{t-1}, x_t)    s_t <- s_t + e_t

    At e = 0 nothing changes, and dL/de_t is dL/ds_t.  e is part of the inputs because every engine
    differentiates its inputs.  A stack is run step by step, by the scan engine.
    """
    size = sum(leaf.size * (1 + jnp.iscomplexobj(leaf)) for leaf in jax.tree.leaves(shapes))

    def split(inputs: Any) -> tuple[Any, Carry]:
        both = inputs_of(inputs)
        x, bump = both[..., :-size], both[..., -size:]
        return attach_noise(x, noise_of(inputs)), unflatten_carry(bump, shapes)

    def step(params: Params, carry: Carry, inputs: Any) -> tuple[Carry, Any]:
        x, bump = split(inputs)
        carry, y = cell.step(params, carry, x)
        return _add(carry, bump), y

    form: Structured | Linear | None = None
    if isinstance(cell.form, Structured):
        form = _perturb_structured(cell.form, split)
    elif isinstance(cell.form, Linear):
        form = _perturb_linear(cell.form, split)
    return cell._replace(step=step, form=form, size=None)


def _perturb_structured(form: Structured, split: Any) -> Structured:
    """Pass e_t through ``project``, and add it in ``update``."""

    def project(params: Params, inputs: Any) -> tuple[PyTree, Carry]:
        x, bump = split(inputs)
        return form.project(params, x), bump

    def update(params: Params, carry: Carry, both: tuple, a: Array) -> tuple[Carry, Any]:
        u, bump = both
        carry, y = form.update(params, carry, u, a)
        return _add(carry, bump), y

    pullback = form.pullback and _perturb_pullback(form.pullback)
    return form._replace(project=project, update=update, pullback=pullback, plain="")


def _perturb_pullback(pullback: Pullback) -> Pullback:
    """Return a pullback in which the cotangent of e_t is that of the new carry."""

    def keep(params: Params, carry: Carry, both: tuple, a: Array):
        u, bump = both
        (carry, y), residuals = pullback.keep(params, carry, u, a)
        return (_add(carry, bump), y), residuals

    def pull(linear: Any, dcarry: Carry, dy: Any) -> tuple[Carry, PyTree, Array]:
        dbefore, du, da = pullback.pull(linear, dcarry, dy)
        return dbefore, (du, dcarry), da

    def gather(params: Params, carry: Carry, residuals: PyTree, steps: Cotangents) -> Params:
        assert pullback.gather is not None
        return pullback.gather(params, carry, residuals, steps._replace(u=steps.u[0]))

    return Pullback(keep, pullback.linearise, pull, pullback.gather and gather)


def _perturb_linear(form: Linear, split: Any) -> Linear:
    """Add e_t to b_t (in log space, also to a_t), and subtract it again in ``read``."""

    def elements(params: Params, inputs: Any) -> tuple[Array, Array]:
        x, bump = split(inputs)
        a, b = form.elements(params, x)
        return (a + bump if form.log else a), b + bump

    def read(params: Params, h: Array, inputs: Any) -> Any:
        x, bump = split(inputs)
        return form.read(params, h - bump, x)

    return Linear(elements, read, form.log)


def _add(carry: Carry, bump: Carry) -> Carry:
    return jax.tree.map(jnp.add, carry, bump)
