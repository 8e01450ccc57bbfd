"""How arrays lie on several devices; what follows from it is the compiler's business.

=============  ==========================================================================
mesh axis      what is spread over it
=============  ==========================================================================
``population`` the members of a sweep
``data``       the rows of a batch; gradients are averaged by the compiler
=============  ==========================================================================

The same program on any number of devices gives the same losses, to rounding.
"""

import math
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from seqmodels.types import PyTree


def data_mesh(batches: Any) -> Mesh | None:
    """All devices on the ``data`` axis; None where there is one, or the batch axis is not told."""
    if jax.device_count() == 1 or _batch_axis(batches) is None:
        return None
    return _mesh(1, jax.device_count())


def population_mesh(members: int, batches: Any) -> Mesh | None:
    """As many devices on the ``population`` axis as divide the members, the rest for ``data``."""
    spread = math.gcd(members, jax.device_count())
    alone = _batch_axis(batches) is None and jax.process_count() == 1
    rows = 1 if alone else jax.device_count() // spread
    return None if jax.device_count() == 1 else _mesh(spread, rows)


def _mesh(members: int, rows: int) -> Mesh:
    devices = np.array(jax.devices()[: members * rows])
    return Mesh(devices.reshape(members, rows), ("population", "data"))


def _batch_axis(batches: Any) -> PyTree:
    return getattr(batches, "batch_axis", None)


def place(chunk: PyTree, mesh: Mesh | None, batch_axis: PyTree = None) -> PyTree:
    """Put a stacked chunk on the device, or its batch axis over the ``data`` axis of the mesh."""
    if mesh is None:
        return jax.device_put(chunk)
    if batch_axis is None:
        return replicate(chunk, mesh)

    def sharding(leaf: np.ndarray, axis: int) -> NamedSharding:
        divides = leaf.shape[axis + 1] % mesh.shape["data"] == 0
        spec = [None] * (axis + 1) + ["data"] if divides else []
        return NamedSharding(mesh, PartitionSpec(*spec))

    axes = jax.tree.broadcast(batch_axis, chunk)
    return jax.device_put(chunk, jax.tree.map(sharding, chunk, axes))


def replicate(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """The same on every device of the mesh; costs nothing where it is so already."""
    return tree if mesh is None else jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def spread(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """The leading axis of every leaf over the ``population`` axis of the mesh."""
    if mesh is None:
        return tree
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec("population")))
