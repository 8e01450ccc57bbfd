"""Cells whose memories are compared, by name."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from math import pi

import jax

from seqmodels.cells.chrono import chrono
from seqmodels.cells.registry import CELLS, cell_named
from seqmodels.types import Cell
from seqmodels.wrap import stack

MEMORY_CELLS = CELLS | {"relu": partial(CELLS["rnn"], activation=jax.nn.relu)}


def memory_cell(name: str, inputs: int, hidden: int, layers: int = 1, span: int = 0) -> Cell:
    """Return stacked layers; with a ``span`` their initial memories are up to that many steps."""
    make = slow_lru(span or 100) if name == "lru" else cell_named(name, MEMORY_CELLS)
    cells = [make(*sizes) for sizes in pairwise([inputs] + [hidden] * layers)]
    if span and name != "lru":
        cells = [chrono(cell, name, span) for cell in cells]
    return stack(*cells)


def slow_lru(span: int) -> Callable[..., Cell]:
    """Return an LRU with time constants and periods between a tenth and ten times the span.

    With the defaults its units forget within a few steps.
    """
    radii = {"r_min": max(1 - 10 / span, 0.0), "r_max": 1 - 0.1 / span}
    return partial(CELLS["lru"], **radii, max_phase=min(10 / span, 2.0) * pi)
