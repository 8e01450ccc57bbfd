"""The batch axis of each leaf of a batch, which may have any structure."""

import jax
import numpy as np

from seqmodels.errors import UserError
from seqmodels.types import PyTree


def leaf_axes(batch_axis: PyTree, batch: PyTree) -> PyTree:
    """Return the batch axis of each leaf of a batch, given a prefix pytree of them.

    >>> leaf_axes({"x": 0, "speed": None}, {"x": (1, 2), "speed": 3})
    {'speed': None, 'x': (0, 0)}
    """
    try:
        return jax.tree.broadcast(batch_axis, batch, is_leaf=lambda axis: axis is None)
    except ValueError as error:
        raise UserError(
            f"batch_axis={batch_axis} does not fit the batch, {jax.tree.structure(batch)}"
        ) from error


def batch_part(batch: PyTree, batch_axis: PyTree, part: slice) -> PyTree:
    """Return some rows of a batch; leaves without a batch axis are returned whole."""

    def rows(leaf: np.ndarray, axis: int | None) -> np.ndarray:
        return leaf if axis is None else leaf[(slice(None),) * axis + (part,)]

    return jax.tree.map(rows, batch, leaf_axes(batch_axis, batch))
