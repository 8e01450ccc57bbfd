"""Cells from cells: stacks, both directions, heads, residual connections, layer normalisation.

A wrap that changes only the inputs and outputs (``wrap_io``) leaves the recurrence alone, so that
the inner cell keeps its fast engine.  Stochastic wraps are in ``noise.py``.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import broadcast_rows, normalise
from seqmodels.engines.problem import inputs_of, leading_axes, noise_of, where, zeros_like
from seqmodels.errors import UserError
from seqmodels.types import Array, Carry, Cell, Composite, Layer, Params, PyTree
from seqmodels.wrap_io import attach_noise, draw_noise, output_size, split_optional_key, wrap_io

# Networks of cells


class _Members(NamedTuple):
    """Several cells, whose params, carries and noise are tuples."""

    cells: tuple[Cell, ...]

    def init(self, key: jax.Array) -> Params:
        keys = jax.random.split(key, len(self.cells))
        return tuple(cell.init(k) for cell, k in zip(self.cells, keys, strict=True))

    def start(self, params: Params, batch_shape: tuple[int, ...]) -> Carry:
        return tuple(c.start(p, batch_shape) for c, p in zip(self.cells, params, strict=True))

    def draw(self, params: Params, key: Any, length: int, batch_shape: tuple[int, ...]):
        keys = jax.random.split(key, len(self.cells))
        members = zip(self.cells, params, keys, strict=True)
        drawn = [draw_noise(cell, p, k, length, batch_shape) for cell, p, k in members]
        return tuple(p for p, _ in drawn), tuple(n for _, n in drawn)


def stack(*cells: Cell) -> Cell:
    """Stack cells as layers: the outputs of each are the inputs of the next.

    The params and the carry are tuples with one entry per layer.
    """
    layers = _Members(cells)

    def step(params: Params, carry: Carry, x: Any) -> tuple[Carry, Any]:
        noise = noise_of(x) or ((),) * len(cells)
        y, carries = inputs_of(x), []
        for cell, p, c, n in zip(cells, params, carry, noise, strict=True):
            c, y = cell.step(p, c, attach_noise(y, n))
            carries.append(c)
        return tuple(carries), y

    def unroll(unroll_one: Callable, params: Params, xs: Any, carry: Carry, options: dict):
        keys = split_optional_key(options["key"], len(cells))
        carries = []
        for cell, p, c, k in zip(cells, params, carry, keys, strict=True):
            xs, c = unroll_one(cell, p, xs, c, **(options | {"key": k}))
            carries.append(c)
        return xs, tuple(carries)

    return Cell(layers.init, layers.start, step, layers.draw, Composite(unroll), cells[0].size)


def side_by_side(*cells: Cell) -> Cell:
    """Run cells on the same inputs and concatenate their outputs.

        y_t = [cell_1(x)_t, ..., cell_N(x)_t]

    The params and the carry are tuples with one entry per cell.
    """
    sizes = {cell.size for cell in cells if cell.size is not None}
    if len(sizes) > 1:
        raise UserError(f"side_by_side: cells for {sorted(sizes)} input features; give one size")
    members = _Members(cells)

    def step(params: Params, carry: Carry, x: Any) -> tuple[Carry, Any]:
        noise = noise_of(x) or ((),) * len(cells)
        steps = [
            cell.step(p, c, attach_noise(inputs_of(x), n))
            for cell, p, c, n in zip(cells, params, carry, noise, strict=True)
        ]
        return tuple(c for c, _ in steps), _concatenate([y for _, y in steps])

    def unroll(unroll_one: Callable, params: Params, xs: Any, carry: Carry, options: dict):
        keys = split_optional_key(options["key"], len(cells))
        runs = [
            unroll_one(cell, p, xs, c, **(options | {"key": k}))
            for cell, p, c, k in zip(cells, params, carry, keys, strict=True)
        ]
        return _concatenate([ys for ys, _ in runs]), tuple(c for _, c in runs)

    size = next(iter(sizes), None)
    return Cell(members.init, members.start, step, members.draw, Composite(unroll), size)


def _concatenate(outputs: Sequence[PyTree]) -> PyTree:
    """Concatenate the features of several outputs, leaf by leaf."""
    return jax.tree.map(lambda *ys: jnp.concatenate(ys, axis=-1), *outputs)


class Directions(NamedTuple):
    """The two carries of a bidirectional cell."""

    forward: Carry
    backward: Carry


def bidirectional(forward: Cell, backward: Cell | None = None) -> Cell:
    """Run one cell in each direction and concatenate their outputs.

        y_t = [forward_t, backward_t]

    The backward direction reverses each sequence within its own length.  ``backward`` defaults to
    the same cell, with separate parameters.  There is no ``step``, since it would need the future.
    Schuster and Paliwal (1997).
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
        raise UserError("a bidirectional cell cannot step: pass the whole sequence to unroll")

    def unroll(unroll_one: Callable, params: Params, xs: Any, carry: Directions, options: dict):
        if options["reverse"]:
            raise UserError("reverse=True is not defined for a bidirectional cell: leave it out")
        keys = split_optional_key(options["key"], 2)
        resets = _reverse_resets(options["resets"])
        ahead = options | {"key": keys[0]}
        back = options | {"key": keys[1], "reverse": True, "resets": resets}
        ys, first = unroll_one(cells.forward, params["forward"], xs, carry.forward, **ahead)
        zs, last = unroll_one(cells.backward, params["backward"], xs, carry.backward, **back)
        return _concatenate([ys, zs]), Directions(first, last)

    return Cell(init, start, step, None, Composite(unroll), forward.size)


def _reverse_resets(resets: Array | None) -> Array | None:
    """Move each reset to the last step of the previous sequence, where the other direction starts.

    Time still runs forwards in the result.
    """
    if resets is None:
        return None
    return jnp.concatenate([resets[1:], jnp.zeros_like(resets[:1])])


# Wraps of inputs and outputs


def readout(cell: Cell, layer: Layer, *, noisy: bool = False) -> Cell:
    """Apply a layer to every output, so that a cell with a head is again a cell.

        y_t = layer(cell(x)_t)

    The params are ``{"cell": ..., "readout": ...}``.  ``unroll`` applies the layer to all steps at
    once.  The outputs may be a tree, such as the parameters of a distribution.  With ``noisy``, the
    layer takes ``key=``, for example for dropout, and gets a key for each step of a noisy run.
    """

    def init(key: jax.Array) -> Params:
        key_c, key_r = jax.random.split(key)
        return {"cell": cell.init(key_c), "readout": layer.init(key_r)}

    def start(params: Params, batch_shape: tuple[int, ...]) -> Carry:
        return cell.start(params["cell"], batch_shape)

    def apply(params: Params, y: Any, key: Any) -> Any:
        options = {} if key is None else {"key": key}
        return layer.apply(params, y, **options)

    def step(params: Params, carry: Carry, x: Any) -> tuple[Carry, Any]:
        noise, key = noise_of(x) or ((), None)
        carry, y = cell.step(params["cell"], carry, attach_noise(inputs_of(x), noise))
        return carry, apply(params["readout"], y, key)

    def draw(params: Params, key: Any, length: int, batch_shape: tuple[int, ...]):
        key, key_r = jax.random.split(key)
        inner, noise = draw_noise(cell, params["cell"], key, length, batch_shape)
        keys = jax.random.split(key_r, length) if noisy else None
        return params | {"cell": inner}, (noise, keys)

    def unroll(unroll_one: Callable, params: Params, xs: Any, carry: Carry, options: dict):
        key, key_r = split_optional_key(options["key"], 2)
        options = options | {"key": key}
        ys, carry = unroll_one(cell, params["cell"], xs, carry, **options)
        keys = None
        if noisy and key_r is not None:
            keys = jax.random.split(key_r, leading_axes(xs)[0])
        ys = jax.vmap(apply, in_axes=(None, 0, 0))(params["readout"], ys, keys)
        return where(options["mask"], ys, zeros_like(ys)), carry

    return Cell(init, start, step, draw, Composite(unroll), cell.size)


def residual(cell: Cell) -> Cell:
    """Add the inputs to the outputs, ``y_t = x_t + cell(x)_t``; both must have the same width."""

    def after(own: None, x: Array, y: Array) -> Array:
        if x.shape != y.shape:
            raise UserError(
                f"residual: inputs have {x.shape[-1]} features and outputs {y.shape[-1]}; "
                "build the cell with as many units as inputs"
            )
        return x.astype(y.dtype) + y

    return wrap_io(cell, after=after)


def layer_norm(cell: Cell) -> Cell:
    """Normalise the outputs over their features, with a learned gain and bias (Ba et al. 2016)."""

    def init(key: jax.Array, cell: Cell, params: Params) -> Params:
        size = output_size(cell, params)
        return {"gain": jnp.ones((size,)), "b": jnp.zeros((size,))}

    def after(own: Params, x: Array, y: Array) -> Array:
        z = normalise(y.astype(own["gain"].dtype))
        return (z * broadcast_rows(own["gain"], z) + broadcast_rows(own["b"], z)).astype(y.dtype)

    return wrap_io(cell, after=after, init=init)
