"""Cells from cells: stacks, bidirectional cells, residual connections and layer normalisation.

A wrap that changes only the inputs and outputs (``wrap_io``) leaves the recurrence alone, so that
the inner cell keeps its fast engine.  Stochastic wraps are in ``noise.py``.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import broadcast_rows, normalise
from seqmodels.engines.problem import inputs_of, noise_of, where, zeros_like
from seqmodels.errors import UserError
from seqmodels.types import Array, Carry, Cell, Composite, Key, Noisy, Params, PyTree


def attach_noise(x: Any, noise: PyTree) -> Any:
    """Return ``Noisy(x, noise)``, or ``x`` if the noise is empty."""
    return Noisy(x, noise) if jax.tree.leaves(noise) else x


def draw_noise(
    cell: Cell, params: Params, key: Any, length: int, batch_shape: tuple[int, ...]
) -> tuple[Params, PyTree]:
    """Call ``cell.draw``; return the params and no noise if the cell is deterministic."""
    if cell.draw is None:
        return params, ()
    return cell.draw(params, key, length, batch_shape)


def split_optional_key(key: Key[Array, ""] | None, count: int) -> list[Any]:
    """Split a key; return ``None`` for each part if there is no key."""
    return [None] * count if key is None else list(jax.random.split(key, count))


# Networks of cells


def stack(*cells: Cell) -> Cell:
    """Stack cells as layers: the outputs of each are the inputs of the next.

    The params and the carry are tuples with one entry per layer.
    """

    def init(key: jax.Array) -> Params:
        keys = jax.random.split(key, len(cells))
        return tuple(cell.init(k) for cell, k in zip(cells, keys, strict=True))

    def start(params: Params, batch_shape: tuple[int, ...]) -> Carry:
        return tuple(cell.start(p, batch_shape) for cell, p in zip(cells, params, strict=True))

    def step(params: Params, carry: Carry, x: Any) -> tuple[Carry, Any]:
        noise = noise_of(x) or ((),) * len(cells)
        y, carries = inputs_of(x), []
        for cell, p, c, n in zip(cells, params, carry, noise, strict=True):
            c, y = cell.step(p, c, attach_noise(y, n))
            carries.append(c)
        return tuple(carries), y

    def draw(params: Params, key: Any, length: int, batch_shape: tuple[int, ...]):
        keys = jax.random.split(key, len(cells))
        layers = zip(cells, params, keys, strict=True)
        drawn = [draw_noise(cell, p, k, length, batch_shape) for cell, p, k in layers]
        return tuple(p for p, _ in drawn), tuple(n for _, n in drawn)

    def unroll(unroll_one: Callable, params: Params, xs: Array, carry: Carry, options: dict):
        keys = split_optional_key(options["key"], len(cells))
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

    def unroll(unroll_one: Callable, params: Params, xs: Array, carry: Directions, options: dict):
        if options["reverse"]:
            raise UserError("reverse=True is not defined for a bidirectional cell: leave it out")
        keys = split_optional_key(options["key"], 2)
        resets = _reverse_resets(options["resets"])
        ahead = options | {"key": keys[0]}
        back = options | {"key": keys[1], "reverse": True, "resets": resets}
        ys, first = unroll_one(cells.forward, params["forward"], xs, carry.forward, **ahead)
        zs, last = unroll_one(cells.backward, params["backward"], xs, carry.backward, **back)
        return jnp.concatenate([ys, zs], axis=-1), Directions(first, last)

    return Cell(init, start, step, None, Composite(unroll), forward.size)


def _reverse_resets(resets: Array | None) -> Array | None:
    """Move each reset to the last step of the previous sequence, where the other direction starts.

    Time still runs forwards in the result.
    """
    if resets is None:
        return None
    return jnp.concatenate([resets[1:], jnp.zeros_like(resets[:1])])


# Wraps of inputs and outputs


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

    def init(cell: Cell, params: Params) -> Params:
        size = output_size(cell, params)
        return {"gain": jnp.ones((size,)), "b": jnp.zeros((size,))}

    def after(own: Params, x: Array, y: Array) -> Array:
        z = normalise(y.astype(own["gain"].dtype))
        return (z * broadcast_rows(own["gain"], z) + broadcast_rows(own["b"], z)).astype(y.dtype)

    return wrap_io(cell, after=after, init=init)


def wrap_io(
    cell: Cell,
    *,
    before: Callable[[PyTree, Array], Array] = lambda own, x: x,
    after: Callable[[PyTree, Array, Array], Array] = lambda own, x, y: y,
    init: Callable[[Cell, Params], Params] | None = None,
    masks: Callable[..., PyTree] | None = None,
    locked: bool = True,
) -> Cell:
    """Wrap a cell such that it reads ``before(own, x)`` and returns ``after(own, x, y)``.

    ``own`` holds the parameters or the noise of the wrap.  Parameters come from
    ``init(cell, params)`` and are stored as ``{"cell": ..., "own": ...}``.  Noise comes from
    ``masks(key, shape, cell, params)``, once per sequence if ``locked``, else at every time step.
    """
    wrap = _IOWrap(cell, before, after, init, masks, locked)
    return Cell(wrap.init, wrap.start, wrap.step, wrap.draw, Composite(wrap.unroll), cell.size)


class WrapParams(NamedTuple):
    """The parameters of a wrapped cell, and the parameters or noise of the wrap."""

    cell: Params
    own: PyTree


class _IOWrap(NamedTuple):
    """The arguments of ``wrap_io``, and the functions of the cell that it returns."""

    cell: Cell
    before: Callable[[PyTree, Array], Array]
    after: Callable[[PyTree, Array, Array], Array]
    init_own: Callable[[Cell, Params], Params] | None
    masks: Callable[..., PyTree] | None
    locked: bool

    def parts(self, params: Params) -> WrapParams:
        if isinstance(params, WrapParams):  # from ``draw``
            return params
        return (
            WrapParams(params["cell"], params["own"]) if self.init_own else WrapParams(params, None)
        )

    def init(self, key: jax.Array) -> Params:
        params = self.cell.init(key)
        return (
            {"cell": params, "own": self.init_own(self.cell, params)} if self.init_own else params
        )

    def start(self, params: Params, batch_shape: tuple[int, ...]) -> Carry:
        return self.cell.start(self.parts(params).cell, batch_shape)

    def step(self, params: Params, carry: Carry, x: Any) -> tuple[Carry, Any]:
        inner, own = self.parts(params)
        noise, own_noise = noise_of(x) or ((), None)
        own, x = (own if self.locked else own_noise), inputs_of(x)
        carry, y = self.cell.step(inner, carry, attach_noise(self.before(own, x), noise))
        return carry, self.after(own, x, y)

    def draw(self, params: Params, key: Any, length: int, batch_shape: tuple[int, ...]):
        params = self.parts(params)
        key, key_own = jax.random.split(key)
        inner, noise = draw_noise(self.cell, params.cell, key, length, batch_shape)
        if self.masks is None:
            return WrapParams(inner, params.own), (noise, None)
        shape = batch_shape if self.locked else (length, *batch_shape)
        masks = self.masks(key_own, shape, self.cell, params.cell)
        if self.locked:
            return WrapParams(inner, masks), (noise, None)
        return WrapParams(inner, None), (noise, masks)

    def unroll(
        self, unroll_one: Callable, params: Params, xs: Array, carry: Carry, options: dict
    ) -> tuple[Any, Carry]:
        inner, own = self.parts(params)
        key, key_own = split_optional_key(options["key"], 2)
        if self.masks is not None and key is not None:
            shape = xs.shape[1:-1] if self.locked else xs.shape[:-1]
            own = self.masks(key_own, shape, self.cell, inner)
        time = None if self.locked else 0
        wrapped = jax.vmap(self.before, in_axes=(time, 0))(own, xs)
        ys, carry = unroll_one(self.cell, inner, wrapped, carry, **(options | {"key": key}))
        ys = jax.vmap(self.after, in_axes=(time, 0, 0))(own, xs, ys)
        return where(options["mask"], ys, zeros_like(ys)), carry


def input_size(cell: Cell) -> int:
    """Return the number of input features of a cell."""
    if cell.size is None:
        raise UserError("this wrap needs the cell's input size: build it as Cell(..., size=D)")
    return cell.size


def output_size(cell: Cell, params: Params, width: int | None = None) -> int:
    """Return the number of output features of a cell, found by tracing one step on one row."""
    from seqmodels.unroll import unroll  # a bidirectional cell cannot step

    xs = jax.ShapeDtypeStruct((1, 1, width or input_size(cell)), jnp.float32)
    return jax.eval_shape(lambda p, x: unroll(cell, p, x)[0], params, xs).shape[-1]
