"""Cells whose memories are compared, by name."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from math import pi

import jax

from seqmodels.cells.chrono import chrono
from seqmodels.cells.registry import CELLS, cell_named
from seqmodels.errors import UserError
from seqmodels.types import Cell
from seqmodels.wrap import stack

MEMORY_CELLS = CELLS | {"relu": partial(CELLS["rnn"], activation=jax.nn.relu)}


def memory_cell(name: str, inputs: int, hidden: int, layers: int = 1, span: int = 0) -> Cell:
    """Return stacked layers; with a ``span`` their initial memories are up to that many steps."""
    make = slow_lru(span or 100) if name == "lru" else cell_named(name, MEMORY_CELLS)
    cells = [make(*sizes) for sizes in pairwise([inputs] + [hidden] * layers)]
    if span and name != "lru":
        _check_gates(name, cells[0])
        cells = [chrono(cell, span) for cell in cells]
    return stack(*cells)


def _check_gates(name: str, cell: Cell) -> None:
    """Raise a UserError if chrono initialisation does not apply to a cell."""
    if cell.gates is None:
        gated = [other for other, make in MEMORY_CELLS.items() if make(1, 1).gates]
        raise UserError(
            f"--chrono: not available for --cell {name}; "
            f"leave it out, or choose one of {', '.join(gated)}, lru"
        )


def slow_lru(span: int) -> Callable[..., Cell]:
    """Return an LRU with time constants and periods between a tenth and ten times the span.

    With the defaults its units forget within a few steps.
    """
    radii = {"r_min": max(1 - 10 / span, 0.0), "r_max": 1 - 0.1 / span}
    return partial(CELLS["lru"], **radii, max_phase=min(10 / span, 2.0) * pi)
