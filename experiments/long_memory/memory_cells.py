"""The recurrences whose memories are compared, by name."""

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
    """Stacked layers; with a ``span`` they begin with memories of up to so many steps."""
    make = slow_lru(span or 100) if name == "lru" else cell_named(name, MEMORY_CELLS)
    cells = [make(*size) for size in pairwise([inputs] + [hidden] * layers)]
    held = span and name != "lru"
    return stack(*(chrono(cell, name, span) if held else cell for cell in cells))


def slow_lru(span: int) -> Callable[..., Cell]:
    """An LRU that forgets, and turns around, within a tenth of the span to ten times as long.

    Without, a linear unit forgets within a few steps.
    """
    ring = {"r_min": max(1 - 10 / span, 0.0), "r_max": 1 - 0.1 / span}
    return partial(CELLS["lru"], **ring, max_phase=min(10 / span, 2.0) * pi)
