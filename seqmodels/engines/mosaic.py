"""The whole recurrence in one launch on Hopper, its units shared out over a cluster of blocks.

The engine is ``fused`` with another loop, as ``pallas`` is, and ``update`` is traced into it in the
same way (``blocks.py``).  But here a cluster of thread blocks has ``rows`` of the batch, and each
block, a party, has its share of the units: all their gates, so that ``update`` needs nobody else.
A party keeps its part of the recurrent kernel in shared memory, and streams what does not fit from
L2.  This file says who has what; the kernel is in ``mosaic_kernel.py``.
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
from seqmodels.engines.problem import Problem, zeros_like
from seqmodels.engines.tape import Matrix, Tape
from seqmodels.errors import UserError
from seqmodels.types import Array, Carry, Params

UNITS = 64  # rows of a matmul of wgmma's
CHUNK = 64  # columns of the weights that are copied and multiplied at a time
STREAMS = 3  # chunks of which copies are on their way
WIDEST = 2048  # rows of one copy
SUMS = 2**14  # that a block's threads can hold while they multiply: half of their registers
NEEDED = (
    "kernel",
    "ClusterBarrier",
    "CompilerParams",
    "RefType",
    "inline_mgpu",
    "layout_cast",
    "wgmma",
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

        layout = self.layout(problem)
        return solve(
            problem, problem.length, partial(in_one_launch, layout, partial(launch, self, layout))
        )

    def layout(self, problem: Problem) -> "Shares":
        """Who has what: as many parties as there can be."""
        width = width_of(problem)
        parties = [k for k in range(1, self.blocks + 1) if width // UNITS % k == 0]
        return Shares(problem.batch_shape, self.rows, width, parties[-1])

    def pays(self, problem: Problem) -> bool:
        """Whether both passes have a kernel, and clusters wait for room on the device but once."""
        layout = self.layout(problem)
        if not 0 < layout.programs * layout.parties <= 2 * room():
            return False

        def both_passes(params: Params) -> Params:
            out, pull = jax.vjp(lambda p: self(problem._replace(params=p)), params)
            return pull(zeros_like(out))

        try:
            jax.eval_shape(both_passes, problem.params)
        except UserError:
            return False
        return True

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


def room() -> int:
    """Multiprocessors of the device; none where there are several, among which XLA cannot cut."""
    return getattr(jax.devices()[0], "core_count", 0) if jax.device_count() == 1 else 0


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
    """The matmul of a step, shared out: by columns of the kernel among the teams of a cluster.

    Within a team each party has ``1 / split`` of the rows and all columns of the team; what it
    finds for the columns of another is added up there.  A team of one has all rows.
    """

    weights: Array  # [parties, heads * K / split / CHUNK, M, CHUNK]
    heads: int
    split: int
    slots: int  # places for chunks in shared memory

    @property
    def chunks(self) -> int:
        """Of all heads, that a party multiplies."""
        return self.weights.shape[1]

    @property
    def resident(self) -> int:
        """Chunks that stay in their slot; the others take turns in what is left."""
        return self.chunks if self.slots == self.chunks else max(self.slots - STREAMS, 0)

    @property
    def streams(self) -> int:
        """Slots that take turns."""
        return self.slots - self.resident

    @property
    def late(self) -> range:
        """Chunks that take turns."""
        return range(self.resident, self.chunks)

    @property
    def followed(self) -> range:
        """Those after which another has the slot in the same step."""
        return self.late[: max(len(self.late) - self.streams, 0)]

    def slot(self, chunk: int) -> int:
        """Where a chunk has its place."""
        return chunk if chunk < self.resident else self.resident + self.turn(chunk)[0]

    def turn(self, chunk: int) -> tuple[int, int, int]:
        """Which of the slots that take turns a late chunk has, its turn there, and of how many."""
        turn, stream = divmod(chunk - self.resident, self.streams)
        return stream, turn, len(self.late[stream :: self.streams])

    @property
    def rows(self) -> int:
        """Of the operand that a party needs."""
        return self.chunks * CHUNK

    @property
    def columns(self) -> int:
        """Of a party's own."""
        return self.weights.shape[2] // self.split


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
    split = 1 if heads > 1 else math.gcd(rows // layout.width, layout.parties)
    own, teams = columns // layout.parties, layout.parties // split
    if own * split * layout.rows > SUMS:
        raise refused(f"{own * split} sums for each row of the batch in a block")
    a = matrix.reshape(heads, split, -1, CHUNK, own // layout.units, teams, split, layout.units)
    a = jnp.transpose(a, (5, 1, 0, 2, 6, 4, 7, 3))  # team, party of it, chunk, whose column, row
    a = a.reshape(layout.parties, heads * rows // split // CHUNK, split * own, CHUNK)

    row = layout.rows * a.dtype.itemsize
    operand, staged = 2 * heads * rows // split * row, 2 * heads * rows // layout.parties * row
    sums = 2 * split * own * layout.rows * 4 if split > 1 else 0
    chunk = math.prod(a.shape[2:]) * a.dtype.itemsize
    slots = min((settings.memory - operand - staged - sums) // chunk, a.shape[1])
    if slots < min(STREAMS, a.shape[1]):
        raise refused(f"more than {settings.memory} bytes of shared memory in each block")
    return Product(a, heads, split, slots)
