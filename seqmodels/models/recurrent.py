"""Stacks of recurrent layers from names and sizes."""

from itertools import pairwise

from seqmodels.cells.registry import cell_named
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
    keep_inputs: bool = False,
) -> Cell:
    """Return a stack of ``CELLS[cell]`` with ``hidden`` units per layer and direction.

    drop:        rate of variational dropout on the inputs of each layer
    keep_inputs: do not drop the inputs of the first layer. Dropout rescales what it keeps, which
                 changes the meaning of a measurement such as a flux or a redshift.
    """
    make = cell_named(cell)
    if layers < 1:
        raise UserError("--layers must be 1 or more")
    ways = 2 if both_ways else 1
    sizes = [inputs] + [hidden * ways] * layers
    cells = []
    for number, (width, outputs) in enumerate(pairwise(sizes)):
        one = make(width, outputs // ways)
        rate = None if keep_inputs and number == 0 else drop
        cells.append(dropout(bidirectional(one) if both_ways else one, inputs=rate))
    return stack(*cells)
