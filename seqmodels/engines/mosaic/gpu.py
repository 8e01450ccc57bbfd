"""A warpgroup on a Hopper GPU."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.pallas import mosaic_gpu as plgpu

from seqmodels.engines.mosaic import intrinsics
from seqmodels.engines.mosaic.intrinsics import Address, Peers, Sources
from seqmodels.engines.mosaic.layout import ClusterLayout
from seqmodels.engines.mosaic.matmul import DistributedMatmul
from seqmodels.engines.mosaic.warpgroup import SharedMemory, Warpgroup
from seqmodels.types import Array

SUMS, RESIDENT, STREAM = 0, 1, 2  # the barriers of a warpgroup; STREAM and up: one for each slot


def tile_transforms(layout: ClusterLayout, matmul: DistributedMatmul) -> tuple:
    """Return the tiling and swizzling of the operands of ``wgmma`` in shared memory."""
    size = layout.rows * matmul.weights.dtype.itemsize
    return plgpu.TilingTransform((8, layout.rows)), plgpu.SwizzleTransform(size)


class DeviceWarpgroup(Warpgroup):
    """A warpgroup that copies data asynchronously between the blocks of a cluster.

    The first two barriers of a block belong to the two buffers of the operand.  Then each warpgroup
    has one for sums, one for its resident chunks, and one for each slot of streamed chunks.
    """

    @staticmethod
    def scratch_types(layout: ClusterLayout, matmul: DistributedMatmul) -> SharedMemory:
        warpgroups, dtype = layout.block_warpgroups, matmul.weights.dtype
        tiles = tile_transforms(layout, matmul)
        m, chunk = matmul.weights.shape[2:]
        sums = min(matmul.split, 2)
        sent = matmul.sent_rows(layout)
        return SharedMemory(
            plgpu.SMEM((warpgroups, matmul.slots, m, chunk), dtype, transforms=tiles),
            plgpu.SMEM((2, matmul.operand_rows, layout.rows), dtype, transforms=tiles),
            plgpu.SMEM((warpgroups, 2, sent, layout.rows), dtype, transforms=tiles),
            plgpu.SMEM((warpgroups, sums, m, layout.rows), jnp.float32),
            plgpu.SMEM((2 + warpgroups * (2 + matmul.stream_slots), 2), jnp.uint32),
            plgpu.ClusterBarrier(collective_axes=("block",), num_arrivals=warpgroups),
        )

    @staticmethod
    def arrange(layout: ClusterLayout, weights: Array) -> Array:
        """Return each chunk as swizzled tiles.

        Of the 16-byte pieces of row r, piece k lies where piece ``k ^ (r * pieces // 8)`` would be.
        """
        piece = 16 // weights.dtype.itemsize
        pieces = layout.rows // piece
        tiles = (weights.shape[2] // 8, 8, weights.shape[3] // layout.rows, pieces, piece)
        a = jnp.swapaxes(weights.reshape(*weights.shape[:2], *tiles), 3, 4)
        rows, places = np.arange(8)[:, None], np.arange(pieces)
        a = a[..., rows, places ^ (rows * pieces // 8), :]
        return a.reshape(weights.shape)

    @classmethod
    def current(
        cls, layout: ClusterLayout, matmul: DistributedMatmul, weights: Any, memory: SharedMemory
    ) -> "DeviceWarpgroup":
        cluster, block, position = map(jax.lax.axis_index, ("cluster", "block", "warpgroup"))
        return cls(layout, matmul, cluster, block, position, weights, memory)

    @property
    def memory_index(self) -> Array:
        return self.position

    @property
    def row_bytes(self) -> int:
        """The bytes of a row of the operand."""
        return self.layout.rows * self.matmul.weights.dtype.itemsize

    def load(self, ref: Any) -> Array:
        return intrinsics.load_pairs(ref)

    def store(self, ref: Any, a: Array) -> None:
        intrinsics.store_untiled(ref, a, intrinsics.pair_layout(a.shape))

    def cast_layout(self, a: Array) -> Array:
        return plgpu.layout_cast(a, intrinsics.pair_layout(a.shape))

    def start(self) -> "DeviceWarpgroup":
        matmul, chunks = self.matmul, []
        intrinsics.init_barrier(self.barrier(0))
        intrinsics.init_barrier(self.barrier(1))
        for number in range(2 + matmul.stream_slots):
            intrinsics.init_barrier(self.own_barrier(number), per_warpgroup=True)
        self.synchronize()
        for chunk in range(matmul.in_registers):
            self.copy(chunk, 0, RESIDENT)
            intrinsics.wait(self.own_barrier(RESIDENT), np.int32(chunk))
            slot = self.memory.weights.at[self.position, 0]
            tiles = tile_transforms(self.layout, matmul)
            chunks.append(intrinsics.load_matmul_operand(slot, tiles, self.row_bytes))
            intrinsics.synchronize_warpgroup()  # before the next copy overwrites the slot
        for chunk in matmul.resident:
            self.copy(chunk, matmul.slot(chunk), RESIDENT)
            intrinsics.wait(self.own_barrier(RESIDENT), np.int32(chunk))
        self.fetch(matmul.prefetched)
        self.synchronize()
        return replace(self, register_chunks=tuple(chunks))

    def finish(self, steps: int) -> None:
        for chunk in self.matmul.prefetched:
            self.wait_for_chunk(chunk, np.int32(steps))
        self.synchronize()

    def barrier(self, number: Any) -> Address:
        """Return the address of a barrier of the block."""
        return Address(self.memory.barriers, number * 8)

    def own_barrier(self, number: int) -> Address:
        """Return the address of a barrier of the warpgroup."""
        per_warpgroup = np.int32(2 + self.matmul.stream_slots)
        return self.barrier(2 + number + self.position * per_warpgroup)

    def tiled(self, ref: Any, start: Any) -> Address:
        """Return an address in an array that is tiled like the operands."""
        return Address(ref, start, tile_transforms(self.layout, self.matmul))

    def fetch(self, chunks: Sequence[int]) -> None:
        if chunks:
            intrinsics.synchronize_warpgroup()  # before the copies overwrite the slots
        for chunk in chunks:
            slot = self.matmul.slot(chunk)
            self.copy(chunk, slot, STREAM + slot - len(self.matmul.resident))

    def copy(self, chunk: int, slot: int, barrier: int) -> None:
        """Start copying a chunk to a slot; its arrival completes a phase of the barrier."""
        matmul, size = self.matmul, self.matmul.chunk_bytes
        start = (self.index * np.int32(matmul.chunks) + chunk) * np.int32(size)
        source = Address(self.weights, start, is_global=True)
        place = (self.position * np.int32(matmul.slots) + slot) * np.int32(size)
        target = self.tiled(self.memory.weights, place)
        intrinsics.copy_from_global(source, target, self.own_barrier(barrier), size)

    def wait_for_chunk(self, chunk: int, i: Any) -> None:
        if chunk in self.matmul.streamed:
            slot, turn, turns = self.matmul.stream(chunk)
            barrier = self.own_barrier(STREAM + slot)
            intrinsics.wait(barrier, i * np.int32(turns) + np.int32(turn))

    def chunk_operand(self, chunk: int) -> Any:
        if chunk < self.matmul.in_registers:
            return self.register_chunks[chunk]
        return self.memory.weights.at[self.position, self.matmul.slot(chunk)]

    def all_gather(self, shares: list[Array], i: Array, overlap: Callable[[], None]) -> Any:
        memory, buffer = self.memory, jax.lax.rem(i, np.int32(2))
        whole = self.matmul.operand_rows * self.row_bytes
        sent = self.matmul.sent_rows(self.layout) * self.row_bytes
        operand = self.tiled(memory.operand, buffer * np.int32(whole))
        staged = self.tiled(memory.staged, (2 * self.position + buffer) * np.int32(sent))
        alone, barrier = self.layout.warpgroups == 1, self.barrier(buffer)
        for k, a in enumerate(shares):
            target = operand if alone else staged
            offset = k * self.layout.units * self.row_bytes
            intrinsics.store_swizzled(a, target.after(offset), self.row_bytes)
        plgpu.commit_smem()
        if not alone:
            intrinsics.expect_bytes(barrier, whole)
            self.send_share(staged, operand, barrier)
        overlap()
        if not alone:
            intrinsics.wait(barrier, jax.lax.div(i, np.int32(2)))
        return memory.operand.at[buffer]

    def send_share(self, staged: Address, operand: Address, barrier: Address) -> None:
        """Start copying this warpgroup's share to all blocks, each block its rows of it."""
        matmul = self.matmul
        sent = matmul.sent_rows(self.layout) * self.row_bytes // matmul.heads
        size = sent // matmul.split
        for head in range(matmul.heads):
            sources = Sources(staged.after(head * sent), size, matmul.split)
            head_bytes = matmul.operand_rows * self.row_bytes // matmul.heads
            start = head * head_bytes + self.index * size
            peers = Peers(np.int32(0), self.layout.blocks)
            intrinsics.copy_to_peers(sources, operand.after(start), barrier, size, peers)

    def reduce_scatter(self, sums: Array, i: Array) -> list[Array]:
        matmul, memory = self.matmul, self.memory
        intrinsics.synchronize_warpgroup()  # before this step's sums overwrite those of the last
        intrinsics.store_untiled(memory.sums.at[self.position, 0], sums, plgpu.Layout.WGMMA)
        plgpu.commit_smem()
        if matmul.split == 1:
            return self.add_partials(memory.sums.at[self.position, 0])
        size, barrier = matmul.columns * self.layout.rows * 4, self.own_barrier(SUMS)
        place = self.position * np.int32(2 * matmul.split * size)
        intrinsics.expect_bytes(barrier, matmul.split * size, per_warpgroup=True)
        sources = Sources(Address(memory.sums, place), size, matmul.split)
        target = Address(memory.sums, place + (matmul.split + self.split_index) * size)
        peers = Peers(self.block - self.split_index, matmul.split)
        intrinsics.copy_to_peers(sources, target, barrier, size, peers)
        intrinsics.wait(barrier, i)
        return self.add_partials(memory.sums.at[self.position, 1])
