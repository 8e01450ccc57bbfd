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
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from seqmodels.types import PyTree


def data_mesh(batches: Any) -> Mesh | None:
    """Devices on the ``data`` axis; None where one is enough, or the batch axis is not told.

    One host takes as many of its devices as divide the rows of the first batch; several take all.
    """
    count = jax.device_count()
    if count == 1 or _batch_axis(batches) is None:
        return None
    if jax.process_count() == 1 and hasattr(batches, "rows"):
        count = math.gcd(count, batches.rows(0))
    return None if count == 1 else _mesh(1, count)


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


def own_rows(rows: int, mesh: Mesh | None) -> slice:
    """The rows of a batch that lie on this host's devices; all, where they are not shared out."""
    hosts = jax.process_count()
    if mesh is None or mesh.shape["population"] > 1 or rows % mesh.shape["data"]:
        return slice(0, rows)
    share = rows // hosts
    return slice(jax.process_index() * share, (jax.process_index() + 1) * share)


def place(
    chunk: PyTree, mesh: Mesh | None, batch_axis: PyTree = None, rows: int | None = None
) -> PyTree:
    """Put a stacked chunk on the device, or its batch axis over the ``data`` axis of the mesh.

    The chunk holds whole batches, or with ``rows`` the ``own_rows`` of batches of that many.
    """
    if mesh is None:
        return jax.device_put(chunk)
    if batch_axis is None:
        return replicate(chunk, mesh)

    def put(leaf: Any, axis: int) -> jax.Array:
        axis, shape = axis + 1, list(leaf.shape)
        whole = shape[axis] if rows is None else rows
        divides = whole % mesh.shape["data"] == 0
        sharding = NamedSharding(
            mesh, PartitionSpec(*[None] * axis, "data") if divides else PartitionSpec()
        )
        if whole == shape[axis]:
            return _lay(leaf, sharding)
        shape[axis] = whole
        return jax.make_array_from_process_local_data(sharding, leaf, tuple(shape))

    return jax.tree.map(put, chunk, jax.tree.broadcast(batch_axis, chunk))


def replicate(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """The same on every device of the mesh; costs nothing where it is so already."""
    if mesh is None:
        return tree
    return jax.tree.map(lambda leaf: _lay(leaf, NamedSharding(mesh, PartitionSpec())), tree)


def spread(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """The leading axis of every leaf over the ``population`` axis of the mesh."""
    if mesh is None:
        return tree
    sharding = NamedSharding(mesh, PartitionSpec("population"))
    return jax.tree.map(lambda leaf: _lay(leaf, sharding), tree)


def _lay(leaf: Any, sharding: NamedSharding) -> jax.Array:
    """``device_put``, also onto devices of other hosts.

    Of an array that all hosts have, each hands over only what its own devices are to hold.
    Nothing is compared or waited for, since batches are laid out in the background.
    """
    if jax.process_count() == 1:
        return jax.device_put(leaf, sharding)
    if isinstance(leaf, jax.Array):
        if not leaf.is_fully_addressable:
            same = leaf.sharding.is_equivalent_to(sharding, leaf.ndim)
            return leaf if same else _moved(sharding)(leaf)
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(_lay(jax.random.key_data(leaf), sharding))
    host = np.asarray(leaf)
    return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])


@lru_cache
def _moved(sharding: NamedSharding) -> Callable[[jax.Array], jax.Array]:
    return jax.jit(lambda leaf: leaf, out_shardings=sharding)
