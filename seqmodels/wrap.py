"""Cells from cells: stacks, both directions, residuals, layer norm (noise is in ``noise.py``).

A wrap that only touches what goes in and what comes out (``around``) leaves the recurrence as it
was, so that the engine of the inner cell still serves it.  Noise is drawn by ``unroll(key=...)``;
without a key every wrap is deterministic.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.build import normalise, rows
from seqmodels.engines.problem import inputs_of, noise_of, where, zeros_like
from seqmodels.errors import UserError
from seqmodels.types import (
    Array,
    Carry,
    Cell,
    Composite,
    Key,
    Noisy,
    Params,
    PyTree,
)


class Drawn(NamedTuple):
    """The parameters of one noisy run: the cell's own, beside masks drawn once a sequence."""

    cell: Params
    own: PyTree


def with_noise(x: Any, noise: PyTree) -> Any:
    """An input and its noise; the bare input where there is no noise."""
    return Noisy(x, noise) if jax.tree.leaves(noise) else x


def split_optional(key: Key[Array, ""] | None, count: int) -> list[Any]:
    """Keys for the parts of a composite; all ``None`` where there is no key."""
    return [None] * count if key is None else list(jax.random.split(key, count))


def draw_cell(cell: Cell, params: Params, key: Any, length: int, batch_shape: tuple[int, ...]):
    """``cell.draw``, for deterministic cells too."""
    if cell.draw is None:
        return params, ()
    return cell.draw(params, key, length, batch_shape)


# Many cells as one


def stack(*cells: Cell) -> Cell:
    """Layers: the outputs of each cell are the inputs of the next; params and carry are tuples."""

    def init(key: jax.Array) -> Params:
        keys = jax.random.split(key, len(cells))
        return tuple(cell.init(k) for cell, k in zip(cells, keys, strict=True))

    def start(params: Params, batch_shape: tuple[int, ...]) -> Carry:
        return tuple(cell.start(p, batch_shape) for cell, p in zip(cells, params, strict=True))

    def step(params: Params, carry: Carry, x: Any) -> tuple[Carry, Any]:
        noise = noise_of(x) or ((),) * len(cells)
        y, carries = inputs_of(x), []
        for cell, p, c, n in zip(cells, params, carry, noise, strict=True):
            c, y = cell.step(p, c, with_noise(y, n))
            carries.append(c)
        return tuple(carries), y

    def draw(params: Params, key: Any, length: int, batch_shape: tuple[int, ...]):
        keys = jax.random.split(key, len(cells))
        parts = zip(cells, params, keys, strict=True)
        drawn = [draw_cell(cell, p, k, length, batch_shape) for cell, p, k in parts]
        return tuple(p for p, _ in drawn), tuple(n for _, n in drawn)

    def unroll(unroll_one: Callable, params: Params, xs: Array, carry: Carry, options: dict):
        keys = split_optional(options["key"], len(cells))
        carries = []
        for cell, p, c, k in zip(cells, params, carry, keys, strict=True):
            xs, c = unroll_one(cell, p, xs, c, **(options | {"key": k}))
            carries.append(c)
        return xs, tuple(carries)

    return Cell(init, start, step, draw, Composite(unroll), cells[0].size)


class Directions(NamedTuple):
    """The two carries of a bidirectional cell."""

    forward: Carry
    backward: Carry


def bidirectional(forward: Cell, backward: Cell | None = None) -> Cell:
    """Both directions, outputs side by side; each sequence is reversed within its own length.

        y_t = [forward_t, backward_t]

    Schuster and Paliwal (1997).  It has no ``step``: it needs the whole sequence.
    """
    cells = Directions(forward, forward if backward is None else backward)

    def init(key: jax.Array) -> Params:
        keys = jax.random.split(key)
        return {"forward": cells.forward.init(keys[0]), "backward": cells.backward.init(keys[1])}

    def start(params: Params, batch_shape: tuple[int, ...]) -> Carry:
        return Directions(
            cells.forward.start(params["forward"], batch_shape),
            cells.backward.start(params["backward"], batch_shape),
        )

    def step(params: Params, carry: Carry, x: Any) -> tuple[Carry, Any]:
        raise UserError("a bidirectional cell has no single step: give unroll the whole sequence")

    def unroll(unroll_one: Callable, params: Params, xs: Array, carry: Directions, options: dict):
        if options["reverse"]:
            raise UserError("reverse=True means nothing for a bidirectional cell: leave it out")
        keys = split_optional(options["key"], 2)
        ahead = options | {"key": keys[0]}
        back = options | {"key": keys[1], "reverse": True, "resets": ends(options["resets"])}
        ys, first = unroll_one(cells.forward, params["forward"], xs, carry.forward, **ahead)
        zs, last = unroll_one(cells.backward, params["backward"], xs, carry.backward, **back)
        return jnp.concatenate([ys, zs], axis=-1), Directions(first, last)

    return Cell(init, start, step, None, Composite(unroll), forward.size)


def ends(resets: Array | None) -> Array | None:
    """Where a sequence starts, its predecessor ends: the resets of the other direction."""
    if resets is None:
        return None
    return jnp.concatenate([resets[1:], jnp.zeros_like(resets[:1])])


# What goes in and what comes out


def around(
    cell: Cell,
    *,
    before: Callable[[PyTree, Array], Array] = lambda own, x: x,
    after: Callable[[PyTree, Array, Array], Array] = lambda own, x, y: y,
    init: Callable[[Cell, Params], Params] | None = None,
    masks: Callable[..., PyTree] | None = None,
    locked: bool = True,
) -> Cell:
    """A cell that sees ``before(own, x)`` and shows ``after(own, x, y)``.

    ``own`` is what the wrap brings: parameters from ``init``, which then lie beside the cell's as
    ``{"cell": ..., "own": ...}``, or noise from ``masks(key, shape, cell, params)``, one for a
    sequence (``locked``) or one for every time step.
    """

    def parts(params: Params) -> Drawn:
        if isinstance(params, Drawn):
            return params
        return Drawn(params["cell"], params["own"]) if init else Drawn(params, None)

    def initialise(key: jax.Array) -> Params:
        params = cell.init(key)
        return {"cell": params, "own": init(cell, params)} if init else params

    def start(params: Params, batch_shape: tuple[int, ...]) -> Carry:
        return cell.start(parts(params).cell, batch_shape)

    def step(params: Params, carry: Carry, x: Any) -> tuple[Carry, Any]:
        inner, own = parts(params)
        noise, per_step = noise_of(x) or ((), None)
        own, x = (own if locked else per_step), inputs_of(x)
        carry, y = cell.step(inner, carry, with_noise(before(own, x), noise))
        return carry, after(own, x, y)

    def draw(params: Params, key: Any, length: int, batch_shape: tuple[int, ...]):
        inner, own = parts(params)
        key, key_own = jax.random.split(key)
        inner, noise = draw_cell(cell, inner, key, length, batch_shape)
        if masks is None:
            return Drawn(inner, own), (noise, None)
        shape = batch_shape if locked else (length, *batch_shape)
        drawn = masks(key_own, shape, cell, parts(params).cell)
        return Drawn(inner, drawn if locked else None), (noise, None if locked else drawn)

    def unroll(unroll_one: Callable, params: Params, xs: Array, carry: Carry, options: dict):
        inner, own = parts(params)
        key, key_own = split_optional(options["key"], 2)
        if masks is not None and key is not None:
            shape = xs.shape[1:-1] if locked else xs.shape[:-1]
            own = masks(key_own, shape, cell, inner)
        time = None if locked else 0
        seen = jax.vmap(before, in_axes=(time, 0))(own, xs)
        ys, carry = unroll_one(cell, inner, seen, carry, **(options | {"key": key}))
        ys = jax.vmap(after, in_axes=(time, 0, 0))(own, xs, ys)
        return where(options["mask"], ys, zeros_like(ys)), carry

    return Cell(initialise, start, step, draw, Composite(unroll), cell.size)


def residual(cell: Cell) -> Cell:
    """``y_t = x_t + cell(x)_t``; the cell's outputs must be as wide as its inputs."""

    def after(own: None, x: Array, y: Array) -> Array:
        if x.shape != y.shape:
            raise UserError(
                f"residual: inputs have {x.shape[-1]} features and outputs {y.shape[-1]}; "
                "build the cell with as many units as inputs"
            )
        return x.astype(y.dtype) + y

    return around(cell, after=after)


def layer_norm(cell: Cell) -> Cell:
    """The outputs normalised over their features, with a learned gain and bias (Ba et al. 2016)."""

    def init(cell: Cell, params: Params) -> Params:
        size = output_size(cell, params)
        return {"gain": jnp.ones((size,)), "b": jnp.zeros((size,))}

    def after(own: Params, x: Array, y: Array) -> Array:
        z = normalise(y.astype(own["gain"].dtype))
        return (z * rows(own["gain"], z) + rows(own["b"], z)).astype(y.dtype)

    return around(cell, after=after, init=init)


def input_size(cell: Cell) -> int:
    """Features of a cell's input, which wraps that make arrays must know."""
    if cell.size is None:
        raise UserError("this wrap must know the cell's input size: build it as Cell(..., size=D)")
    return cell.size


def output_size(cell: Cell, params: Params, width: int | None = None) -> int:
    """Features of a cell's output, found by tracing one step on one row."""
    from seqmodels.unroll import unroll  # a bidirectional cell has no step

    xs = jax.ShapeDtypeStruct((1, 1, width or input_size(cell)), jnp.float32)
    return jax.eval_shape(lambda p, x: unroll(cell, p, x)[0], params, xs).shape[-1]
