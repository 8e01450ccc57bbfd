"""A cell whose every state can be nudged, so that one can ask for gradients by it."""

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
from seqmodels.wrap import with_noise


def pack(carry: Carry, batch_axes: int) -> Float[Array, "*B S"]:
    """A carry as one real vector for each row: its parts side by side, complex ones as two."""

    def flat(leaf: Array) -> Array:
        leaf = leaf.reshape(*leaf.shape[:batch_axes], -1)
        parts = [leaf.real, leaf.imag] if jnp.iscomplexobj(leaf) else [leaf]
        return jnp.concatenate(parts, axis=-1)

    return jnp.concatenate([flat(leaf) for leaf in jax.tree.leaves(carry)], axis=-1)


def unpack(flat: Float[Array, "*B S"], shapes: PyTree) -> Carry:
    """What ``pack`` packed; ``shapes`` are those of a carry without batch axes."""
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


def perturbed(cell: Cell, shapes: PyTree) -> Cell:
    """The cell over inputs ``[x_t, e_t]``, in which e_t (packed) is added to the new carry.

        s_t, y_t = step(s_{t-1}, x_t)    s_t <- s_t + e_t

    At e = 0 nothing changes, and dL/de_t is dL/ds_t.  e comes with the inputs, since these are
    what every engine differentiates.  A stack is taken step by step, by the scan engine.
    """
    size = sum(leaf.size * (1 + jnp.iscomplexobj(leaf)) for leaf in jax.tree.leaves(shapes))

    def split(seen: Any) -> tuple[Any, Carry]:
        both = inputs_of(seen)
        x, bump = both[..., :-size], both[..., -size:]
        return with_noise(x, noise_of(seen)), unpack(bump, shapes)

    def step(params: Params, carry: Carry, seen: Any) -> tuple[Carry, Any]:
        x, bump = split(seen)
        carry, y = cell.step(params, carry, x)
        return add(carry, bump), y

    form: Structured | Linear | None = None
    if isinstance(cell.form, Structured):
        form = structured(cell.form, split)
    elif isinstance(cell.form, Linear):
        form = linear(cell.form, split)
    return cell._replace(step=step, form=form, size=None)


def structured(form: Structured, split: Any) -> Structured:
    """e_t travels beside the projection of x_t, and ``update`` adds it."""

    def project(params: Params, seen: Any) -> tuple[PyTree, Carry]:
        x, bump = split(seen)
        return form.project(params, x), bump

    def update(params: Params, carry: Carry, both: tuple, a: Array) -> tuple[Carry, Any]:
        u, bump = both
        carry, y = form.update(params, carry, u, a)
        return add(carry, bump), y

    pullback = form.pullback and beside(form.pullback)
    return form._replace(project=project, update=update, pullback=pullback, plain="")


def beside(pullback: Pullback) -> Pullback:
    """A cell's own pullback, in which the cotangent of the new carry is that of e_t too."""

    def keep(params: Params, carry: Carry, both: tuple, a: Array):
        u, bump = both
        (carry, y), kept = pullback.keep(params, carry, u, a)
        return (add(carry, bump), y), kept

    def pull(linear: Any, dcarry: Carry, dy: Any) -> tuple[Carry, PyTree, Array]:
        dbefore, du, da = pullback.pull(linear, dcarry, dy)
        return dbefore, (du, dcarry), da

    def gather(params: Params, carry: Carry, kept: PyTree, steps: Cotangents) -> Params:
        assert pullback.gather is not None
        return pullback.gather(params, carry, kept, steps._replace(u=steps.u[0]))

    return Pullback(keep, pullback.linearise, pull, pullback.gather and gather)


def linear(form: Linear, split: Any) -> Linear:
    """e_t belongs to b_t (in log space to both), and ``read`` takes it off again."""

    def elements(params: Params, seen: Any) -> tuple[Array, Array]:
        x, bump = split(seen)
        a, b = form.elements(params, x)
        return (a + bump if form.log else a), b + bump

    def read(params: Params, h: Array, seen: Any) -> Any:
        x, bump = split(seen)
        return form.read(params, h - bump, x)

    return Linear(elements, read, form.log)


def add(carry: Carry, bump: Carry) -> Carry:
    """The sum of two carries."""
    return jax.tree.map(jnp.add, carry, bump)
