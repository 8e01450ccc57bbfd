"""Wraps that change what a cell reads and returns, and the noise of wrapped cells."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.engines.problem import inputs_of, is_array, leading_axes, noise_of, where, zeros_like
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


def wrap_io(
    cell: Cell,
    *,
    before: Callable[[PyTree, Array], Array] = lambda own, x: x,
    after: Callable[[PyTree, Array, Array], Array] = lambda own, x, y: y,
    init: Callable[[jax.Array, Cell, Params], Params] | None = None,
    masks: Callable[..., PyTree] | None = None,
    locked: bool = True,
) -> Cell:
    """Wrap a cell such that it reads ``before(own, x)`` and returns ``after(own, x, y)``.

    ``own`` holds the parameters or the noise of the wrap.  Parameters come from
    ``init(key, cell, params)`` and are stored as ``{"cell": ..., "own": ...}``.  Noise comes from
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
    init_own: Callable[[jax.Array, Cell, Params], Params] | None
    masks: Callable[..., PyTree] | None
    locked: bool

    def parts(self, params: Params) -> WrapParams:
        if isinstance(params, WrapParams):  # from ``draw``
            return params
        return (
            WrapParams(params["cell"], params["own"]) if self.init_own else WrapParams(params, None)
        )

    def init(self, key: jax.Array) -> Params:
        if self.init_own is None:
            return self.cell.init(key)
        key, key_own = jax.random.split(key)
        params = self.cell.init(key)
        return {"cell": params, "own": self.init_own(key_own, self.cell, params)}

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
        self, unroll_one: Callable, params: Params, xs: Any, carry: Carry, options: dict
    ) -> tuple[Any, Carry]:
        inner, own = self.parts(params)
        key, key_own = split_optional_key(options["key"], 2)
        if self.masks is not None and key is not None:
            shape = leading_axes(xs)[1:] if self.locked else leading_axes(xs)
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
    ys = jax.eval_shape(lambda p, x: unroll(cell, p, x)[0], params, xs)
    if not is_array(ys):
        raise UserError("this wrap needs a cell whose output is one array, not a tree of arrays")
    return ys.shape[-1]
