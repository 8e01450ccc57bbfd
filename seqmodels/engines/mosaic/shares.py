"""Who has what of a cluster's work: of the units, and of the matmul of a step."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.engines.mosaic.layout import Layout, refused
from seqmodels.engines.mosaic.tape import Matrix, Tape
from seqmodels.types import Array

TILE = 64  # rows of a matmul of wgmma's
CHUNK = 64  # columns of the weights that are copied and multiplied at a time, at most
REGISTERS = 56, 3  # that a thread needs for all but weights, and for each of 16 rows of a unit
STREAMS = 2  # chunks of which copies are on their way to each party
SUMS = 2**14  # that a party's threads can hold while they multiply: half of their registers


@dataclass(frozen=True)
class Shares(Layout):
    """Of every ``width`` features each party has a block, ``[units, rows]``.

    What has a number for each row is repeated over the units.
    """

    cluster: int = 1  # blocks of it
    groups: int = 1  # warpgroups of a block

    @property
    def parties(self) -> int:
        """Of a cluster, block by block."""
        return self.cluster * self.groups

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

    Blocks make teams of ``split``.  Within a team each block has ``1 / split`` of the rows, the
    same for all its parties, which have all columns of their fellows in the team, too: what they
    find for these is added up there.
    """

    weights: Array  # [parties, heads * K / split / chunk, M, chunk], M filled up to whole tiles
    heads: int
    split: int
    own: int  # columns of a party
    held: int  # chunks in registers
    slots: int  # places for others in shared memory, for each party of a block

    @property
    def chunks(self) -> int:
        """Of all heads, that a party multiplies."""
        return self.weights.shape[1]

    @property
    def chunk(self) -> int:
        """Rows of the operand in a chunk."""
        return self.weights.shape[3]

    @property
    def chunk_bytes(self) -> int:
        """Of a party's weights in a chunk."""
        return math.prod(self.weights.shape[2:]) * self.weights.dtype.itemsize

    @property
    def resident(self) -> range:
        """Chunks that stay in their slot; the others take turns in what is left."""
        few = self.slots < self.chunks - self.held
        return range(self.held, self.held + max(self.slots - few * STREAMS, 0))

    @property
    def streams(self) -> int:
        """Slots that take turns."""
        return self.slots - len(self.resident)

    @property
    def late(self) -> range:
        """Chunks that take turns."""
        return range(self.resident.stop, self.chunks)

    @property
    def followed(self) -> range:
        """Those after which another has the slot in the same step."""
        return self.late[: max(len(self.late) - self.streams, 0)]

    def slot(self, chunk: int) -> int:
        """Where a chunk has its place."""
        if chunk in self.late:
            return len(self.resident) + self.turn(chunk)[0]
        return chunk - self.held

    def turn(self, chunk: int) -> tuple[int, int, int]:
        """Which of the slots that take turns a late chunk has, its turn there, and of how many."""
        turn, stream = divmod(chunk - self.resident.stop, self.streams)
        return stream, turn, len(self.late[stream :: self.streams])

    @property
    def rows(self) -> int:
        """Of the operand that a block needs."""
        return self.chunks * self.chunk

    def sent(self, layout: Shares) -> int:
        """Rows of the operand that come from each party, for all blocks of a team together."""
        return self.rows * self.split // layout.parties


def product_of(layout: Shares, tape: Tape, memory: int, streamed: float) -> Product:
    """The one matmul of a step, its weights cut into shares and chunks."""
    matmuls = [eqn for eqn in tape.equations if eqn.primitive.name == "dot_general"]
    if len(matmuls) != 1 or not any(isinstance(x, Matrix) for x in matmuls[0].inputs):
        raise refused("one matmul with a constant in each step, no more")
    inputs, dims = matmuls[0].inputs, matmuls[0].params["dimension_numbers"]
    side = next(k for k, x in enumerate(inputs) if isinstance(x, Matrix))
    matrix = tape.matrices[inputs[side].place]
    if dims[0][side] == (matrix.ndim - 1,):
        matrix = jnp.swapaxes(matrix, -1, -2)
    matrix = matrix if matrix.ndim == 3 else matrix[None]
    heads, rows, columns = matrix.shape
    if rows % layout.width or columns % layout.width:
        raise refused(f"a matmul of {rows} by {columns} in shares of {layout.width}")
    own, sent = columns // layout.parties, rows // layout.parties
    split = math.gcd(max(TILE // own, 1), layout.cluster, sent // 8) if heads == 1 else 1
    weights = shared_out(layout, matrix, split)
    sums = weights.shape[2] * layout.rows
    if sums > SUMS:
        raise refused(f"{weights.shape[2]} sums for each row of the batch in a warpgroup")
    if weights.shape[3] % layout.rows:
        raise refused(f"fewer rows of the batch than {layout.rows} in a cluster")

    row = layout.rows * weights.dtype.itemsize
    operand, staged = 2 * heads * rows // split * row, 2 * heads * sent * row
    left = memory - operand - layout.groups * (staged + 4 * sums * min(split, 2))
    product = Product(weights, heads, split, own, 0, 0)
    room = left // (layout.groups * product.chunk_bytes)
    each = product.chunk_bytes // 512  # registers of a thread
    needed = REGISTERS[0] + REGISTERS[1] * layout.units * layout.rows // 16
    free = max(min(255, 2**16 // (128 * layout.groups)) - needed, 0)
    held = max(min(free // each, product.chunks - room), 0) if heads == 1 else 0
    slots = min(room, product.chunks - held)
    if slots < min(STREAMS, product.chunks):
        raise refused(f"more than {memory} bytes of shared memory in each block")
    product = product._replace(held=held, slots=slots)
    if len(product.late) > streamed * product.chunks:
        raise refused(f"{len(product.late)} of {product.chunks} parts of the weights at every step")
    return product


def shared_out(layout: Shares, matrix: Array, split: int) -> Array:
    """``[heads, K, M]`` as each party multiplies it, in chunks: ``[parties, chunks, M, chunk]``.

    Rows are put in the order in which parties send what is multiplied by them, columns in the
    order of the members of a team to whom they belong.
    """
    heads, rows, columns = matrix.shape
    parties, units, groups = layout.parties, layout.units, layout.groups
    chunk = math.gcd(CHUNK, rows // split)
    a = matrix.reshape(heads, rows // layout.width, parties, units, columns)
    a = jnp.swapaxes(a, 1, 2).reshape(heads, parties, split, -1, columns)
    a = jnp.swapaxes(a, 1, 2)
    teams = layout.cluster // split
    gates = columns // layout.width
    a = a.reshape(heads, split, -1, chunk, gates, teams, split, groups, units)
    a = jnp.transpose(a, (5, 1, 7, 0, 2, 6, 4, 8, 3))  # whose: team, block, group; what
    a = a.reshape(parties, heads * rows // split // chunk, -1, chunk)
    return jnp.pad(a, [(0, 0), (0, 0), (0, -a.shape[2] % TILE), (0, 0)])
