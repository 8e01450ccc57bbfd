"""Device meshes and shardings.

==============  =====================================================================
mesh axis       what is sharded over it
==============  =====================================================================
``population``  the members of a sweep
``data``        the rows of a batch; the compiler averages the gradients
==============  =====================================================================

The same program gives the same losses on any number of devices, up to rounding.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from seqmodels.data.batching import Batches
from seqmodels.train.batch_leaves import leaf_axes
from seqmodels.types import PyTree


def data_mesh(batches: Batches) -> Mesh | None:
    """Return a mesh over the ``data`` axis, or None to use a single device.

    A single host uses as many devices as divide the rows of the first batch; several hosts use
    all. Batches without a ``batch_axis`` are not sharded.
    """
    count = jax.device_count()
    if count == 1 or batches.batch_axis is None:
        return None
    if jax.process_count() == 1 and batches.rows is not None:
        count = math.gcd(count, batches.rows(0))
    return None if count == 1 else _mesh(1, count)


def population_mesh(members: int, batches: Batches) -> Mesh | None:
    """Return a mesh with as many devices on ``population`` as divide the members."""
    shards = math.gcd(members, jax.device_count())
    alone = batches.batch_axis is None and jax.process_count() == 1
    rows = 1 if alone else jax.device_count() // shards
    return None if jax.device_count() == 1 else _mesh(shards, rows)


def _mesh(members: int, rows: int) -> Mesh:
    devices = np.array(jax.devices()[: members * rows])
    return Mesh(devices.reshape(members, rows), ("population", "data"))


def own_rows(rows: int, mesh: Mesh | None) -> slice:
    """Return the rows of a batch that lie on this host's devices; all if they are not sharded."""
    hosts = jax.process_count()
    if mesh is None or mesh.shape["population"] > 1 or rows % mesh.shape["data"]:
        return slice(0, rows)
    share = rows // hosts
    return slice(jax.process_index() * share, (jax.process_index() + 1) * share)


def place(
    chunk: PyTree, mesh: Mesh | None, batch_axis: PyTree = None, rows: int | None = None
) -> PyTree:
    """Put a stacked chunk on the device, or shard its batch axis over the mesh's ``data`` axis.

    The chunk holds whole batches, or with ``rows`` this host's ``own_rows`` of larger batches.
    """
    if mesh is None:
        return jax.device_put(chunk)
    if batch_axis is None:
        return replicate(chunk, mesh)

    def put(leaf: Any, axis: int | None) -> jax.Array:
        if axis is None:
            return replicate(leaf, mesh)
        axis, shape = axis + 1, list(leaf.shape)
        whole = shape[axis] if rows is None else rows
        divides = whole % mesh.shape["data"] == 0
        sharding = NamedSharding(
            mesh, PartitionSpec(*[None] * axis, "data") if divides else PartitionSpec()
        )
        if whole == shape[axis]:
            return _place(leaf, sharding)
        shape[axis] = whole
        return jax.make_array_from_process_local_data(sharding, leaf, tuple(shape))

    return jax.tree.map(put, chunk, leaf_axes(batch_axis, chunk))


def replicate(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """Replicate a pytree on every device of the mesh; free if it already is."""
    if mesh is None:
        return tree
    return jax.tree.map(lambda leaf: _place(leaf, NamedSharding(mesh, PartitionSpec())), tree)


def shard_members(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """Shard the leading axis of every leaf over the mesh's ``population`` axis."""
    if mesh is None:
        return tree
    sharding = NamedSharding(mesh, PartitionSpec("population"))
    return jax.tree.map(lambda leaf: _place(leaf, sharding), tree)


def _place(leaf: Any, sharding: NamedSharding) -> jax.Array:
    """Put an array on the devices of a sharding, also on devices of other hosts.

    Each host passes on only the part that its own devices hold. This runs in a background thread,
    so it neither compares values nor waits for other hosts.
    """
    if jax.process_count() == 1:
        return jax.device_put(leaf, sharding)
    if isinstance(leaf, jax.Array):
        if not leaf.is_fully_addressable:
            same = leaf.sharding.is_equivalent_to(sharding, leaf.ndim)
            return leaf if same else _reshard(sharding)(leaf)
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(_place(jax.random.key_data(leaf), sharding))
    host = np.asarray(leaf)
    return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])


@lru_cache
def _reshard(sharding: NamedSharding) -> Callable[[jax.Array], jax.Array]:
    return jax.jit(lambda leaf: leaf, out_shardings=sharding)
