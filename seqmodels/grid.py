"""Recurrences over the rows and columns of a grid, evaluated diagonal by diagonal.

All positions (i, j) of one anti-diagonal i + j = t depend only on those of the previous one.  The
grid is skewed, so that row i of time step t is position (i, t - i).  In this layout the left
neighbour is the same row, and the upper neighbour the previous row, of the previous time step.  A
grid of H x W positions is therefore a sequence of H + W - 1 steps whose batch has one more axis, of
H rows.  ``unroll`` runs it, and the engine ``fused`` provides the backward pass.

The shorter side of the picture becomes the rows.  H (H - 1) of the H (H + W - 1) positions computed
are outside the picture: half of them for a square, a tenth for a line ten times as long as high.
The directions are one batch, which a CPU runs one after another (``engines/members.py``).
``docs/design.md`` has the time per diagonal.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.engines.problem import where, zeros_like
from seqmodels.errors import UserError
from seqmodels.types import (
    Array,
    Bool,
    Carry,
    Cell,
    Float,
    GridCell,
    Key,
    Neighbours,
    Params,
    Pullback,
    PyTree,
    Structured,
)
from seqmodels.unroll import unroll

# The axes of [H, W, ...] that are flipped, by where the recurrence goes.
DIRECTIONS: dict[str, tuple[int, ...]] = {
    "right-down": (),
    "left-down": (1,),
    "right-up": (0,),
    "left-up": (0, 1),
}
ALL = tuple(DIRECTIONS)


def init_grid(cell: GridCell, key: Key[Array, ""], directions: Sequence[str] = ALL) -> Params:
    """Return parameters with a leading axis of directions."""
    return jax.vmap(cell.init)(jax.random.split(key, len(directions)))


def unroll_grid(
    cell: GridCell,
    params: Params,
    xs: Float[Array, "H W *B D"],
    mask: Bool[Array, "H W *B"] | None = None,
    *,
    directions: Sequence[str] = ALL,
    engine: str = "auto",
    chunk: int | None = None,
) -> Any:
    """Apply a cell to every position of a grid; return the outputs ``[N, H, W, *B, ...]``.

        state_ij, y_ij = step(params, Neighbours(state_i(j-1), state_(i-1)j), x_ij)

    The state is zero outside the grid and where the mask is False, and so are the outputs there.
    A picture that is padded at any side therefore has the same outputs as alone, in all directions.

    params: with a leading axis of N directions (``init_grid``)
    directions: names in ``DIRECTIONS``, which say where the recurrence goes from its corner
    engine: "fused", "scan", or "auto", which is "fused" for structured cells
    chunk: rematerialise in chunks of this many diagonals (see ``unroll``)
    """
    _check_arguments(cell, params, xs, mask, directions, engine)
    if engine == "auto":
        engine = "scan" if cell.form is None else "fused"
    layout = _Layout(tuple(directions), tall=xs.shape[0] > xs.shape[1])
    chain = _diagonal_cell(cell, layout.tall)

    def run(params: Params, xs: Array, inside: Array) -> Any:
        # A reset sets the state of an outside position to zero before its neighbours read it.
        outside = jnp.concatenate([jnp.zeros_like(inside[:1]), ~inside[:-1]])
        wide = jnp.expand_dims(outside, range(outside.ndim, xs.ndim - 1))
        resets = jnp.broadcast_to(wide, xs.shape[:-1])
        return unroll(chain, params, xs, resets=resets, engine=engine, chunk=chunk)[0]

    inside = jnp.ones(xs.shape[:2], bool) if mask is None else mask
    xs = where(mask, xs, zeros_like(xs))
    ys = jax.vmap(run)(params, layout.skew(xs), layout.skew(inside))
    ys = jax.tree.map(layout.unskew, ys)
    return ys if mask is None else jax.vmap(lambda y: where(mask, y, zeros_like(y)))(ys)


class _Layout(NamedTuple):
    """The flips of the directions, and whether the columns of the grid are its diagonals' rows."""

    directions: tuple[str, ...]
    tall: bool

    def skew(self, grid: Array) -> Array:
        """Convert ``[H, W, ...]`` to the diagonals of every direction, ``[N, T, H, ...]``."""
        flipped = [jnp.flip(grid, DIRECTIONS[d]) for d in self.directions]
        return jnp.stack([_skew(self._turn(grid)) for grid in flipped])

    def unskew(self, diagonals: Array) -> Array:
        """Convert ``[N, T, H, ...]`` to one grid per direction, ``[N, H, W, ...]``."""
        grids = [self._turn(_unskew(one)) for one in diagonals]
        flips = zip(grids, self.directions, strict=True)
        return jnp.stack([jnp.flip(grid, DIRECTIONS[d]) for grid, d in flips])

    def _turn(self, grid: Array) -> Array:
        return jnp.swapaxes(grid, 0, 1) if self.tall else grid


def _diagonal_cell(cell: GridCell, tall: bool) -> Cell:
    """Return a cell that runs along time on all rows ``[H, *B, ...]`` of the skewed grid."""

    def neighbours(state: Carry) -> Neighbours:
        previous = jax.tree.map(_shift_rows, state)
        return Neighbours(previous, state) if tall else Neighbours(state, previous)

    def step(params: Params, state: Carry, x: Any) -> tuple[Carry, Any]:
        return cell.step(params, neighbours(state), x)

    form = None if cell.form is None else _diagonal_form(cell.form, neighbours)
    return Cell(cell.init, cell.start, step, form=form, size=cell.size)


def _diagonal_form(form: Structured, neighbours: Callable[[Carry], Neighbours]) -> Structured:
    """Return the form of a grid cell as a function of the states of the whole diagonal."""
    pullback = form.pullback
    if pullback is not None:
        pullback = _diagonal_pullback(pullback, neighbours)
    return form._replace(
        hidden=lambda params, state: form.hidden(params, neighbours(state)),
        update=lambda params, state, u, a: form.update(params, neighbours(state), u, a),
        pullback=pullback,
    )


def _diagonal_pullback(pullback: Pullback, neighbours: Callable[[Carry], Neighbours]) -> Pullback:
    """Return the pullback of ``_diagonal_form``."""
    keep, linearise, pull, gather = (
        pullback.keep,
        pullback.linearise,
        pullback.pull,
        pullback.gather,
    )

    def pull_diagonal(linear: PyTree, dstate: Carry, dy: Any) -> tuple[Carry, PyTree, Array]:
        dneighbours, du, da = pull(linear, dstate, dy)
        return jax.linear_transpose(neighbours, dstate)(dneighbours)[0], du, da

    steps = jax.vmap(neighbours)
    return Pullback(
        lambda params, state, u, a: keep(params, neighbours(state), u, a),
        lambda params, states, residuals: linearise(params, steps(states), residuals),
        pull_diagonal,
        gather and (lambda params, states, *rows: gather(params, steps(states), *rows)),
    )


def _shift_rows(state: Array) -> Array:
    """Return the previous row in place of every row of ``[H, ...]``; the first one becomes zero."""
    return jnp.concatenate([jnp.zeros_like(state[:1]), state[:-1]])


def _skew(grid: Array) -> Array:
    """Convert ``[H, W, ...]`` to ``[H + W - 1, H, ...]``, whose element (i + j, i) is (i, j).

    With rows padded to H + W, position (i, j) is element i (H + W) + j = i (H + W - 1) + i + j in
    flat order, which is column i + j of row i if rows have H + W - 1 elements.
    """
    rows, columns, *rest = grid.shape
    steps = rows + columns - 1
    wide = jnp.pad(grid, [(0, 0), (0, rows)] + [(0, 0)] * len(rest))
    flat = wide.reshape(rows * (steps + 1), *rest)[: rows * steps]
    return jnp.swapaxes(flat.reshape(rows, steps, *rest), 0, 1)


def _unskew(skewed: Array) -> Array:
    """Undo ``_skew``."""
    steps, rows, *rest = skewed.shape
    flat = jnp.swapaxes(skewed, 0, 1).reshape(rows * steps, *rest)
    wide = jnp.pad(flat, [(0, rows)] + [(0, 0)] * len(rest))
    return wide.reshape(rows, steps + 1, *rest)[:, : steps + 1 - rows]


def _check_arguments(
    cell: Any, params: Params, xs: Array, mask: Any, directions: Sequence[str], engine: str
) -> None:
    """Raise a UserError that names the first invalid argument; ``unroll`` checks the others."""
    if not isinstance(cell, GridCell):
        raise UserError("unroll_grid needs a GridCell, for example seqmodels.cells.md_lstm.md_lstm")
    if xs.ndim < 3:
        raise UserError(f"xs has shape {xs.shape}: expected [H, W, ..., features]")
    if mask is not None and (mask.dtype != jnp.bool_ or mask.shape != xs.shape[:-1]):
        raise UserError(
            f"mask is {mask.dtype}{list(mask.shape)}: expected bool{list(xs.shape[:-1])}, "
            "as xs without features"
        )
    unknown = [d for d in directions if d not in DIRECTIONS]
    if unknown or not directions:
        raise UserError(f"directions={directions}: choose from {', '.join(DIRECTIONS)}")
    sizes = {a.shape[:1] for a in jax.tree.leaves(params)}
    if sizes - {(len(directions),)}:
        raise UserError(
            f"params need a leading axis of {len(directions)} directions: use init_grid with the "
            "same directions"
        )
    if engine not in ("auto", "fused", "scan"):
        raise UserError(f"engine={engine!r} cannot run a grid: choose auto, fused, scan")
