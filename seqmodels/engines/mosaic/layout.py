"""The layout of a scan's arrays in a kernel: fragments that are distributed over warpgroups."""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.errors import UserError
from seqmodels.types import Array


def unsupported(requirement: str) -> UserError:
    """Return the error for a cell that needs something the kernel does not support."""
    return UserError(
        f"cannot make a kernel for this cell: it needs {requirement}; use engine='auto'"
    )


@dataclass(frozen=True)
class ClusterLayout:
    """The distribution of rows over clusters, and of units over the warpgroups of a cluster.

    A step's array ``[*B, *N, L]`` has one fragment ``[units, rows]`` per warpgroup for every
    ``width`` features.  An array with one number per row is repeated over the units.
    """

    batch: tuple[int, ...]
    rows: int  # per cluster
    width: int
    blocks: int  # per cluster
    block_warpgroups: int  # per block

    @property
    def clusters(self) -> int:
        return -(-math.prod(self.batch) // self.rows)

    @property
    def warpgroups(self) -> int:
        """The warpgroups of a cluster, numbered block by block."""
        return self.blocks * self.block_warpgroups

    @property
    def units(self) -> int:
        """The units of a warpgroup."""
        return self.width // self.warpgroups

    @property
    def fragment(self) -> tuple[int, int]:
        """The shape of a fragment."""
        return self.units, self.rows

    def is_scalar(self, shape: tuple[int, ...]) -> bool:
        """Return whether a step's array is one number for the whole batch."""
        return bool(self.batch) and not shape

    def is_repeated(self, shape: tuple[int, ...]) -> bool:
        """Return whether a step's array has numbers per row but not per unit."""
        return len(shape) == len(self.batch) or shape[-1] == 1

    def grid(self, shape: tuple[int, ...], batch_axis: int = 0) -> tuple[int, ...]:
        """Return the number of fragments along each feature axis of a step's array.

        The axes of the batch begin at ``batch_axis``.
        """
        end = batch_axis + len(self.batch)
        features = (*shape[:batch_axis], *shape[end:])
        if shape[batch_axis:end] != self.batch:
            raise unsupported(f"an array of shape {shape} without the batch axes {self.batch}")
        if not features or features[-1] == 1:
            return features
        if features[-1] % self.width:
            raise unsupported(f"{features[-1]} features in fragments of {self.width}")
        return (*features[:-1], features[-1] // self.width)

    def fragments_along(self, axis: int, size: int, shape: tuple[int, ...]) -> int:
        """Return how many fragments ``size`` elements along an axis are."""
        unit = self.width if axis == len(shape) - 1 and shape[-1] != 1 else 1
        if size % unit or (axis < len(self.batch) and size not in (0, shape[axis])):
            raise unsupported(f"a slice at {size} of axis {axis} of {shape} in {self.width}s")
        return size // unit

    def features(self, shape: tuple[int, ...]) -> list[int]:
        """Return the features of a step's array as one axis, or no axis if it has none."""
        rest = shape[len(self.batch) :]
        return [math.prod(rest)] if rest else []

    def pack(self, a: Array, time: int = 0) -> Array:
        """Return ``[T, *B, *N, L]`` as ``[T, clusters, N*L, rows]``, and a scalar as ``[1]``.

        ``time`` is the number of time axes, 0 or 1.  Booleans become float32.  Copies of the last
        row of the batch fill the last cluster, because they cannot overflow.
        """
        shape = a.shape[time:]
        a = a.astype(jnp.float32) if a.dtype == bool else a
        if self.is_scalar(shape):
            return a if time else a[None]
        self.grid(shape)  # raises if the shape is unsupported
        a = a.reshape(*a.shape[:time], math.prod(self.batch), *self.features(shape))
        missing = self.clusters * self.rows - a.shape[time]
        a = jnp.pad(a, [(0, missing * (axis == time)) for axis in range(a.ndim)], mode="edge")
        a = a.reshape(*a.shape[:time], self.clusters, self.rows, -1)
        a = jnp.repeat(a, self.units, axis=-1) if self.is_repeated(shape) else a
        return jnp.swapaxes(a, -1, -2)

    def packed_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of ``pack(a)`` for a step's array of this shape."""
        size = math.prod(shape[len(self.batch) :]) * (self.units if self.is_repeated(shape) else 1)
        return self.clusters, size, self.rows

    def unpack(self, a: Array, end: jax.ShapeDtypeStruct) -> Array:
        """Undo ``pack``: return ``a`` in the shape of ``end``, after a time axis if it has one."""
        a = jnp.swapaxes(a[..., :: self.units, :] if self.is_repeated(end.shape) else a, -1, -2)
        a = a.reshape(*a.shape[:-3], -1, *self.features(end.shape))
        time = a.ndim - 1 - len(self.features(end.shape))
        a = jax.lax.slice_in_dim(a, 0, math.prod(self.batch), axis=time)
        return a.reshape(*a.shape[:time], *end.shape)

    def starts(self, shape: tuple[int, ...], warpgroup: Any) -> list[Any]:
        """Return where the fragments of a warpgroup begin in a packed array."""
        count = math.prod(self.grid(shape))
        if self.is_repeated(shape):
            return [k * self.units for k in range(count)]
        return [k * self.width + warpgroup * self.units for k in range(count)]
