"""The whole recurrence in one launch on Hopper, its units shared out over a cluster of blocks.

The engine is ``fused`` with another loop, as ``pallas`` is, and ``update`` is traced into it in the
same way (``blocks.py``).  But here a cluster of thread blocks has ``rows`` of the batch, and each
block, a party, has its share of the units: all their gates, so that ``update`` needs nobody else.
A party keeps its columns of the recurrent kernel in shared memory, and streams those that do not
fit from L2.  This file says who has what; the kernel is in ``mosaic_kernel.py``.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.engines.cudnn import on_nvidia
from seqmodels.engines.fused import solve
from seqmodels.engines.layout import Layout, refused
from seqmodels.engines.pallas import in_one_launch, kernel_of
from seqmodels.engines.problem import Problem
from seqmodels.engines.tape import Matrix, Tape
from seqmodels.types import Array, Carry

UNITS = 64  # rows of a matmul of wgmma's
CHUNK = 64  # columns of the weights that are copied and multiplied at a time
WIDEST = 2048  # rows of one copy
SUMS = 2**14  # that a block's threads can hold while they multiply: half of their registers
NEEDED = (
    "kernel",
    "ClusterBarrier",
    "wgmma",
    "copy_gmem_to_smem",
    "copy_smem_to_gmem",
    "layout_cast",
)


class Mosaic(NamedTuple):
    """Takes structured cells with 16-bit kernels and sizes that are multiples of 64, on Hopper.

    A cluster has ``rows`` of the batch (16, 32 or 64) and at most ``blocks`` thread blocks, each of
    which may use ``memory`` bytes.  ``interpret`` takes the parameters of Pallas' GPU interpreter.
    """

    rows: int = 16
    blocks: int = 16
    memory: int = 224 * 1024
    interpret: Any = None

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        if not math.prod(problem.batch_shape):
            return solve(problem, problem.length)
        from seqmodels.engines.mosaic_kernel import launch  # costs a second, which few have to pay

        width = width_of(problem)
        parties = [k for k in range(1, self.blocks + 1) if width // UNITS % k == 0]
        layout = Shares(problem.batch_shape, self.rows, width, parties[-1])
        return solve(
            problem, problem.length, partial(in_one_launch, layout, partial(launch, self, layout))
        )

    def refusal(self, problem: Problem) -> str | None:
        """Why it cannot run a problem; ``None`` where it can."""
        if self.rows not in (16, 32, 64) or self.blocks not in range(1, 17):
            return "needs rows=16, 32 or 64, and blocks from 1 to 16"
        width = width_of(problem)
        if width % UNITS or width > WIDEST:
            return f"needs hidden sizes that are multiples of {UNITS}, and at most {WIDEST}"
        if not has_mosaic():
            return f"does not know Mosaic GPU as it is in JAX {jax.__version__}"
        if self.interpret:
            return None
        if kernel_of(problem).dtype.itemsize != 2:
            return "needs a cell with dtype=jnp.bfloat16 (or float16)"
        if not on_hopper():
            return f"needs an NVIDIA device of compute capability 9.0, not {jax.default_backend()}"
        return None


def has_mosaic() -> bool:
    """Whether this JAX has what the kernel is written with."""
    try:
        from jax.experimental.pallas import mosaic_gpu
    except ImportError:
        return False
    return all(hasattr(mosaic_gpu, name) for name in NEEDED)


def on_hopper() -> bool:
    """Whether the default device has wgmma, which later ones have not."""
    return on_nvidia() and jax.devices()[0].compute_capability == "9.0"


def width_of(problem: Problem) -> int:
    """The largest number of units that divides every size."""
    sizes = [a.shape[-1] for a in jax.tree.leaves(problem.carry)]
    return math.gcd(*sizes, *kernel_of(problem).shape[-2:])


@dataclass(frozen=True)
class Shares(Layout):
    """Of every ``width`` features each of ``parties`` has a block, ``[units, rows]``.

    What has a number for each row is repeated over the units.
    """

    parties: int = 1

    @property
    def units(self) -> int:
        """Of a share."""
        return self.width // self.parties

    def block(self, *columns: int) -> tuple[int, ...]:
        """All blocks are alike."""
        return self.units, self.rows

    def repeated(self, shape: tuple[int, ...]) -> bool:
        """Whether there is no unit in a step's array, but numbers for each row."""
        return len(shape) == len(self.batch) or shape[-1] == 1

    def pack(self, a: Array, time: int = 0) -> Array:
        """``[T, *B, *N, L]`` as ``[T, programs, N*L, rows]``; a number as ``[1]``."""
        shape = a.shape[time:]
        a = super().pack(a.astype(jnp.float32) if a.dtype == bool else a, time)
        if self.is_number(shape):
            return a
        a = a.reshape(*a.shape[:time], self.programs, self.rows, -1)
        a = jnp.repeat(a, self.units, axis=-1) if self.repeated(shape) else a
        return jnp.swapaxes(a, -1, -2)

    def packed(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """What ``pack`` makes of the shape of a step's array."""
        size = math.prod(shape[len(self.batch) :]) * (self.units if self.repeated(shape) else 1)
        return self.programs, size, self.rows

    def unpack(self, a: Array, end: jax.ShapeDtypeStruct) -> Array:
        """Back from ``pack``, to ``end``'s shape or that with time before it."""
        a = jnp.swapaxes(a[..., :: self.units, :] if self.repeated(end.shape) else a, -1, -2)
        a = a.reshape(*a.shape[:-3], -1, *self.features(end.shape))
        return super().unpack(a, end)

    def starts(self, shape: tuple[int, ...], party: Any) -> list[Any]:
        """Where the blocks of a party begin in what ``pack`` gives."""
        count = math.prod(self.divide(shape)[0])
        if self.repeated(shape):
            return [k * self.units for k in range(count)]
        return [k * self.width + party * self.units for k in range(count)]


class Product(NamedTuple):
    """The matmul of a step: all of the left operand by each party's columns of the kernel."""

    weights: Array  # [parties, heads * K / CHUNK, M, CHUNK]
    heads: int
    resident: int  # chunks that stay in shared memory; two slots are for the others

    @property
    def chunks(self) -> int:
        """Of all heads."""
        return self.weights.shape[1]

    @property
    def slots(self) -> int:
        """Places for chunks in shared memory."""
        return min(self.chunks, self.resident + 2)


def product_of(settings: Mosaic, layout: Shares, tape: Tape) -> Product:
    """The one matmul of a step, its weights cut into shares and chunks."""
    matmuls = [eqn for eqn in tape.equations if eqn.primitive.name == "dot_general"]
    if len(matmuls) != 1 or not any(isinstance(x, Matrix) for x in matmuls[0].inputs):
        raise refused("one matmul with a constant in each step, no more")
    inputs, dims = matmuls[0].inputs, matmuls[0].params["dimension_numbers"]
    side = next(k for k, x in enumerate(inputs) if isinstance(x, Matrix))
    matrix = tape.matrices[inputs[side].place]
    if dims[0][side] == (matrix.ndim - 1,):
        matrix = jnp.swapaxes(matrix, -1, -2)
    heads, rows, columns = matrix.shape if matrix.ndim == 3 else (1, *matrix.shape)
    if rows % layout.width or columns % layout.width:
        raise refused(f"a matmul of {rows} by {columns} in shares of {layout.width}")
    if columns // layout.parties * layout.rows > SUMS:
        raise refused(f"{columns // layout.parties} sums for each row of the batch in a block")
    a = matrix.reshape(heads, rows // CHUNK, CHUNK, -1, layout.parties, layout.units)
    a = jnp.transpose(a, (4, 0, 1, 3, 5, 2))
    a = a.reshape(layout.parties, heads * rows // CHUNK, columns // layout.parties, CHUNK)

    chunk, element = math.prod(a.shape[2:]) * a.dtype.itemsize, a.dtype.itemsize * layout.rows
    operand = heads * rows * element
    fit = (settings.memory - operand - operand // layout.parties) // chunk
    if fit < min(3, a.shape[1]):
        raise refused(f"more than {settings.memory} bytes of shared memory in each block")
    return Product(a, heads, a.shape[1] if fit >= a.shape[1] else fit - 2)
