"""The distribution of the recurrent matmul and its weights over the warpgroups of a cluster."""

import math
from typing import NamedTuple

import jax.numpy as jnp

from seqmodels.engines.mosaic.layout import ClusterLayout, unsupported
from seqmodels.engines.mosaic.tape import Matrix, Tape
from seqmodels.types import Array

TILE = 64  # rows of a wgmma tile
CHUNK = 64  # the most columns of the weights that are copied and multiplied at a time
REGISTERS = 56, 3  # per thread without weights: a constant, and per unit for each 16 rows
STREAM_SLOTS = 2  # slots per warpgroup through which chunks are streamed
MAX_SUMS = 2**14  # sums that a warpgroup can hold while it multiplies: half of its registers


class DistributedMatmul(NamedTuple):
    """The matmul of a step, distributed over the warpgroups by split-K.

    The columns of the kernel are divided among groups of ``split`` blocks.  Within such a group
    each block has ``1 / split`` of the rows of the kernel for all columns of the group, and the
    partial sums are added across the group.  Weights are divided into chunks.  Some stay in
    registers, some in shared memory (``resident``); the rest is streamed through the other slots.
    """

    weights: Array  # [warpgroups, heads * K / split / chunk, M, chunk], M padded to whole tiles
    heads: int
    split: int
    columns: int  # of a warpgroup, for each head
    in_registers: int = 0  # chunks
    slots: int = 0  # of a warpgroup, each for one chunk in shared memory

    @property
    def chunks(self) -> int:
        """The chunks of a warpgroup, of all heads."""
        return self.weights.shape[1]

    @property
    def chunk_rows(self) -> int:
        """The rows of the operand that a chunk multiplies."""
        return self.weights.shape[3]

    @property
    def chunk_bytes(self) -> int:
        return math.prod(self.weights.shape[2:]) * self.weights.dtype.itemsize

    @property
    def resident(self) -> range:
        """The chunks that keep their slot."""
        streams = self.slots < self.chunks - self.in_registers
        count = max(self.slots - streams * STREAM_SLOTS, 0)
        return range(self.in_registers, self.in_registers + count)

    @property
    def stream_slots(self) -> int:
        """The slots that streamed chunks share."""
        return self.slots - len(self.resident)

    @property
    def streamed(self) -> range:
        """The chunks that are read at every step."""
        return range(self.resident.stop, self.chunks)

    @property
    def prefetched(self) -> range:
        """The streamed chunks that are read before their step begins."""
        return self.streamed[: self.stream_slots]

    @property
    def reused(self) -> range:
        """The streamed chunks whose slot another chunk needs in the same step."""
        return self.streamed[: max(len(self.streamed) - self.stream_slots, 0)]

    def slot(self, chunk: int) -> int:
        """Return the slot of a chunk."""
        if chunk in self.streamed:
            return len(self.resident) + self.stream(chunk)[0]
        return chunk - self.in_registers

    def stream(self, chunk: int) -> tuple[int, int, int]:
        """Return a streamed chunk's slot among ``stream_slots``, its turn there, and the turns."""
        turn, slot = divmod(chunk - self.resident.stop, self.stream_slots)
        return slot, turn, len(self.streamed[slot :: self.stream_slots])

    @property
    def operand_rows(self) -> int:
        """The rows of the operand that a block multiplies."""
        return self.chunks * self.chunk_rows

    def sent_rows(self, layout: ClusterLayout) -> int:
        """Return the rows of the operand that each warpgroup contributes."""
        return self.operand_rows * self.split // layout.warpgroups


def plan_matmul(
    layout: ClusterLayout, tape: Tape, memory: int, streamed: float
) -> DistributedMatmul:
    """Distribute the only matmul of a step within ``memory`` bytes of shared memory per block.

    It is an error if more than a fraction of ``streamed`` of the weights must be streamed.
    """
    matrix = recurrent_matrix(tape)
    heads, rows, columns = matrix.shape
    if rows % layout.width or columns % layout.width:
        raise unsupported(f"a matmul of {rows} by {columns} in shares of {layout.width}")
    own, sent = columns // layout.warpgroups, rows // layout.warpgroups
    split = math.gcd(max(TILE // own, 1), layout.blocks, sent // 8) if heads == 1 else 1
    weights = distribute_weights(layout, matrix, split)
    if weights.shape[2] * layout.rows > MAX_SUMS:
        raise unsupported(f"{weights.shape[2]} sums for each row of the batch in a warpgroup")
    if weights.shape[3] % layout.rows:
        raise unsupported(f"fewer rows of the batch than {layout.rows} in a cluster")
    matmul = place_chunks(layout, DistributedMatmul(weights, heads, split, own), memory)
    if len(matmul.streamed) > streamed * matmul.chunks:
        counts = f"{len(matmul.streamed)} of {matmul.chunks}"
        raise unsupported(f"{counts} parts of the weights at every step")
    return matmul


def recurrent_matrix(tape: Tape) -> Array:
    """Return the constant ``[heads, K, M]`` of the only matmul of a step."""
    matmuls = [eqn for eqn in tape.equations if eqn.primitive.name == "dot_general"]
    if len(matmuls) != 1 or not any(isinstance(x, Matrix) for x in matmuls[0].inputs):
        raise unsupported("one matmul with a constant in each step, no more")
    inputs, dims = matmuls[0].inputs, matmuls[0].params["dimension_numbers"]
    side = next(k for k, x in enumerate(inputs) if isinstance(x, Matrix))
    matrix = tape.matrices[inputs[side].place]
    if dims[0][side] == (matrix.ndim - 1,):
        matrix = jnp.swapaxes(matrix, -1, -2)
    return matrix if matrix.ndim == 3 else matrix[None]


def place_chunks(
    layout: ClusterLayout, matmul: DistributedMatmul, memory: int
) -> DistributedMatmul:
    """Return the matmul with as many chunks in registers and shared memory as fit."""
    row = layout.rows * matmul.weights.dtype.itemsize
    operand, staged = 2 * matmul.operand_rows * row, 2 * matmul.sent_rows(layout) * row
    sums = 4 * matmul.weights.shape[2] * layout.rows * min(matmul.split, 2)
    left = memory - operand - layout.block_warpgroups * (staged + sums)
    room = left // (layout.block_warpgroups * matmul.chunk_bytes)
    per_chunk = matmul.chunk_bytes // 512  # registers of a thread
    needed = REGISTERS[0] + REGISTERS[1] * layout.units * layout.rows // 16
    free = max(min(255, 2**16 // (128 * layout.block_warpgroups)) - needed, 0)
    in_registers = max(min(free // per_chunk, matmul.chunks - room), 0) if matmul.heads == 1 else 0
    slots = min(room, matmul.chunks - in_registers)
    if slots < min(STREAM_SLOTS, matmul.chunks):
        raise unsupported(f"more than {memory} bytes of shared memory in each block")
    return matmul._replace(in_registers=in_registers, slots=slots)


def distribute_weights(layout: ClusterLayout, matrix: Array, split: int) -> Array:
    """Return ``[heads, K, M]`` as the chunks of each warpgroup, ``[warpgroups, chunks, M, chunk]``.

    Rows are in the order in which the warpgroups send the operand, columns in the order of the
    blocks of a split-K group that own them.
    """
    heads, rows, columns = matrix.shape
    warpgroups, units = layout.warpgroups, layout.units
    chunk = math.gcd(CHUNK, rows // split)
    a = matrix.reshape(heads, rows // layout.width, warpgroups, units, columns)
    a = jnp.swapaxes(a, 1, 2).reshape(heads, warpgroups, split, -1, columns)
    a = jnp.swapaxes(a, 1, 2)
    split_groups, gates = layout.blocks // split, columns // layout.width
    owners = split_groups, split, layout.block_warpgroups
    a = a.reshape(heads, split, -1, chunk, gates, *owners, units)
    a = jnp.transpose(a, (5, 1, 7, 0, 2, 6, 4, 8, 3))  # first split group, block, warpgroup
    a = a.reshape(warpgroups, heads * rows // split // chunk, -1, chunk)
    return jnp.pad(a, [(0, 0), (0, 0), (0, -a.shape[2] % TILE), (0, 0)])
