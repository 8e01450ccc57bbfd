"""How the arrays of a step lie in a kernel: rows of the batch by columns of features, in blocks."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from seqmodels.errors import UserError
from seqmodels.types import Array


def refused(what: str) -> UserError:
    """What the cell needs and the kernel cannot do."""
    return UserError(f"no kernel can be made for this cell: it needs {what}; use engine='auto'")


@dataclass(frozen=True)
class Layout:
    """The batch axes of the step, and the rows and columns of a block."""

    batch: tuple[int, ...]
    rows: int
    width: int

    @property
    def programs(self) -> int:
        """Blocks of rows."""
        return -(-math.prod(self.batch) // self.rows)

    def block(self, *columns: int) -> tuple[int, ...]:
        """The shape of a block; without columns it has a number for each row."""
        return (self.rows, *columns)

    def is_number(self, shape: tuple[int, ...]) -> bool:
        """Whether an array has no row for each of the batch; without batch axes all have one."""
        return bool(self.batch) and not shape

    def divide(self, shape: tuple[int, ...], at: int = 0) -> tuple[tuple, tuple]:
        """How many blocks along each axis, those of the batch (from ``at``) aside; one's shape."""
        end = at + len(self.batch)
        features = (*shape[:at], *shape[end:])
        if shape[at:end] != self.batch:
            raise refused(f"an array of shape {shape} without the batch axes {self.batch}")
        if not features:
            return (), self.block()
        if features[-1] == 1:
            return features, self.block(1)
        if features[-1] % self.width:
            raise refused(f"{features[-1]} features in blocks of {self.width}")
        return (*features[:-1], features[-1] // self.width), self.block(self.width)

    def blocks(self, axis: int, size: int, shape: tuple[int, ...]) -> int:
        """How many blocks a number of elements along an axis is."""
        unit = self.width if axis == len(shape) - 1 and shape[-1] != 1 else 1
        if size % unit or (axis < len(self.batch) and size not in (0, shape[axis])):
            raise refused(f"a cut at {size} of axis {axis} of {shape}, blocks of {self.width}")
        return size // unit

    def features(self, shape: tuple[int, ...]) -> list[int]:
        """All features as one axis, where there is any."""
        rest = shape[len(self.batch) :]
        return [math.prod(rest)] if rest else []

    def pack(self, a: Array, time: int = 0) -> Array:
        """``[T, *B, *N, L]`` as ``[T, rows, N*L]``, whole blocks of rows; a number as ``[1]``.

        Rows that fill the last block repeat the batch's last, so that nothing overflows there.
        """
        if self.is_number(a.shape[time:]):
            return a if time else a[None]
        self.divide(a.shape[time:])  # or it is refused here
        a = a.reshape(*a.shape[:time], math.prod(self.batch), *self.features(a.shape[time:]))
        missing = self.programs * self.rows - a.shape[time]
        return jnp.pad(a, [(0, missing * (axis == time)) for axis in range(a.ndim)], mode="edge")

    def packed(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """What ``pack`` makes of the shape of a step's array."""
        return (self.programs * self.rows, *self.features(shape))

    def unpack(self, a: Array, end: jax.ShapeDtypeStruct) -> Array:
        """Back from ``pack``, to ``end``'s shape or that with time before it."""
        time = a.ndim - 1 - len(self.features(end.shape))
        a = jax.lax.slice_in_dim(a, 0, math.prod(self.batch), axis=time)
        return a.reshape(*a.shape[:time], *end.shape)
