"""The usual stack of recurrent layers, from names and numbers."""

from itertools import pairwise

from seqmodels.cells import CELLS
from seqmodels.errors import UserError
from seqmodels.noise import Rate, dropout
from seqmodels.types import Cell
from seqmodels.wrap import bidirectional, stack


def recurrent_layers(
    cell: str,
    inputs: int,
    hidden: int,
    layers: int = 1,
    *,
    both_ways: bool = False,
    drop: Rate | None = None,
) -> Cell:
    """Layers of ``CELLS[cell]``, each with ``hidden`` units in each direction.

    ``drop``: rate of the variational dropout on what goes into each layer.
    """
    if cell not in CELLS:
        raise UserError(f"--cell {cell} is unknown: choose from {', '.join(CELLS)}")
    if layers < 1:
        raise UserError("--layers must be 1 or more")
    ways = 2 if both_ways else 1
    sizes = [inputs] + [hidden * ways] * layers
    cells = []
    for width, outputs in pairwise(sizes):
        one = CELLS[cell](width, outputs // ways)
        cells.append(dropout(bidirectional(one) if both_ways else one, inputs=drop))
    return stack(*cells)
