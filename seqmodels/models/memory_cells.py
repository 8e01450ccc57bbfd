"""The recurrences whose memories are compared, by name."""

from functools import partial
from itertools import pairwise
from math import pi

import jax

from seqmodels.cells import CELLS
from seqmodels.cells.chrono import chrono
from seqmodels.errors import UserError
from seqmodels.types import Cell
from seqmodels.wrap import stack

MEMORY_CELLS = CELLS | {
    "relu": partial(CELLS["rnn"], activation=jax.nn.relu),
    # Slow and nearly undamped: without, a linear unit forgets within a few steps.
    "lru": partial(CELLS["lru"], r_min=0.9, r_max=0.999, max_phase=pi / 10),
}


def memory_cell(name: str, inputs: int, hidden: int, layers: int = 1, span: int = 0) -> Cell:
    """Stacked layers; with a ``span`` their gates begin with memories of up to so many steps."""
    if name not in MEMORY_CELLS:
        raise UserError(f"--cell {name} is unknown: choose from {', '.join(MEMORY_CELLS)}")
    sizes = [inputs] + [hidden] * layers
    cells = [MEMORY_CELLS[name](*size) for size in pairwise(sizes)]
    return stack(*(chrono(cell, name, span) if span else cell for cell in cells))
