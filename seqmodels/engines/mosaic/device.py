"""A party on a device."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.pallas import mosaic_gpu as gpu

from seqmodels.engines.mosaic import cluster
from seqmodels.engines.mosaic.party import Memory, Party
from seqmodels.engines.mosaic.shares import Product, Shares
from seqmodels.types import Array

SUMS, RESIDENT, STREAM = 0, 1, 2  # a party's signals


def tiles_of(layout: Shares, product: Product) -> tuple:
    """How both operands of ``wgmma`` lie in shared memory."""
    size = layout.rows * product.weights.dtype.itemsize
    return gpu.TilingTransform((8, layout.rows)), gpu.SwizzleTransform(size)


class OnDevice(Party):
    """On a device: copies between the blocks of a cluster, and signals that they have arrived.

    The first two signals of a block are those of the operand's places; then each party has one for
    sums, one for its resident chunks, and one for each slot of the others.
    """

    @staticmethod
    def memory_of(layout: Shares, product: Product) -> Memory:
        groups, dtype, tiles = layout.groups, product.weights.dtype, tiles_of(layout, product)
        m, chunk = product.weights.shape[2:]
        places = min(product.split, 2)
        return Memory(
            gpu.SMEM((groups, product.slots, m, chunk), dtype, transforms=tiles),
            gpu.SMEM((2, product.rows, layout.rows), dtype, transforms=tiles),
            gpu.SMEM((groups, 2, product.sent(layout), layout.rows), dtype, transforms=tiles),
            gpu.SMEM((groups, places, m, layout.rows), jnp.float32),
            gpu.SMEM((2 + groups * (2 + product.streams), 2), jnp.uint32),
            gpu.ClusterBarrier(collective_axes=("block",), num_arrivals=groups),
        )

    @staticmethod
    def arranged(layout: Shares, weights: Array) -> Array:
        """Each chunk as it lies in shared memory, in tiles whose 16-byte pieces change places.

        Piece k of row r is where piece ``k ^ (r * pieces // 8)`` would be.
        """
        piece = 16 // weights.dtype.itemsize
        pieces = layout.rows // piece
        tiles = (weights.shape[2] // 8, 8, weights.shape[3] // layout.rows, pieces, piece)
        a = jnp.swapaxes(weights.reshape(*weights.shape[:2], *tiles), 3, 4)
        rows, places = np.arange(8)[:, None], np.arange(pieces)
        a = a[..., rows, places ^ (rows * pieces // 8), :]
        return a.reshape(weights.shape)

    @classmethod
    def here(cls, layout: Shares, product: Product, weights: Any, memory: Memory) -> "OnDevice":
        program, block, group = map(jax.lax.axis_index, ("program", "block", "group"))
        return cls(layout, product, program, block, group, weights, memory)

    @property
    def mine(self) -> Array:
        return self.group

    @property
    def row(self) -> int:
        """Bytes of a row of the operand."""
        return self.layout.rows * self.product.weights.dtype.itemsize

    def load(self, ref: Any) -> Array:
        return cluster.take(ref)

    def store(self, ref: Any, a: Array) -> None:
        cluster.leave(ref, a, cluster.pairs(a.shape))

    def settle(self, a: Array) -> Array:
        return gpu.layout_cast(a, cluster.pairs(a.shape))

    def begin(self) -> "OnDevice":
        product, held = self.product, []
        cluster.prepare(self.signal(0))
        cluster.prepare(self.signal(1))
        for number in range(2 + product.streams):
            cluster.prepare(self.own_signal(number), each_group=True)
        self.meet()
        for chunk in range(product.held):
            self.copy(chunk, 0, RESIDENT)
            cluster.wait(self.own_signal(RESIDENT), np.int32(chunk))
            slot = self.memory.weights.at[self.group, 0]
            held.append(cluster.hold(slot, tiles_of(self.layout, product), self.row))
            cluster.together()  # all threads have done with what was there
        for chunk in product.resident:
            self.copy(chunk, product.slot(chunk), RESIDENT)
            cluster.wait(self.own_signal(RESIDENT), np.int32(chunk))
        self.fetch(product.late[: product.streams])
        self.meet()
        return replace(self, held=tuple(held))

    def end(self, steps: int) -> None:
        """Wait for what is on its way; nobody leaves before the others."""
        for chunk in self.product.late[: self.product.streams]:
            self.receive(chunk, np.int32(steps))
        self.meet()

    def signal(self, number: Any) -> cluster.Address:
        """One of the block's signals."""
        return cluster.Address(self.memory.signals, number * 8)

    def own_signal(self, number: int) -> cluster.Address:
        """One of the party's signals."""
        return self.signal(2 + number + self.group * np.int32(2 + self.product.streams))

    def tiled(self, ref: Any, start: Any) -> cluster.Address:
        """A place in an array that lies as operands do."""
        return cluster.Address(ref, start, tiles_of(self.layout, self.product))

    def fetch(self, chunks: Sequence[int]) -> None:
        if chunks:
            cluster.together()  # all threads have done with what was there
        for chunk in chunks:
            slot = self.product.slot(chunk)
            self.copy(chunk, slot, STREAM + slot - len(self.product.resident))

    def copy(self, chunk: int, slot: int, signal: int) -> None:
        """Begin to copy a chunk to a slot, and give one of its signals then."""
        product, size = self.product, self.product.chunk_bytes
        start = (self.number * np.int32(product.chunks) + chunk) * np.int32(size)
        source = cluster.Address(self.weights, start, everywhere=True)
        place = (self.group * np.int32(product.slots) + slot) * np.int32(size)
        target = self.tiled(self.memory.weights, place)
        cluster.load(source, target, self.own_signal(signal), size)

    def receive(self, chunk: int, i: Any) -> None:
        if chunk in self.product.late:
            stream, turn, turns = self.product.turn(chunk)
            cluster.wait(self.own_signal(STREAM + stream), i * np.int32(turns) + np.int32(turn))

    def factor(self, chunk: int) -> Any:
        if chunk < self.product.held:
            return self.held[chunk]
        return self.memory.weights.at[self.group, self.product.slot(chunk)]

    def gather(self, shares: list[Array], i: Array, meanwhile: Callable[[], None]) -> Any:
        product, memory, place = self.product, self.memory, jax.lax.rem(i, np.int32(2))
        whole, sent = product.rows * self.row, product.sent(self.layout) * self.row
        operand = self.tiled(memory.operand, place * np.int32(whole))
        staged = self.tiled(memory.staged, (2 * self.group + place) * np.int32(sent))
        alone, signal = self.layout.parties == 1, self.signal(place)
        for k, a in enumerate(shares):
            target = operand if alone else staged
            cluster.put(a, target.after(k * self.layout.units * self.row), self.row)
        gpu.commit_smem()
        if not alone:
            cluster.expect(signal, whole)
            self.hand_out(staged, operand, signal)
        meanwhile()
        if not alone:
            cluster.wait(signal, jax.lax.div(i, np.int32(2)))
        return memory.operand.at[place]

    def hand_out(
        self, staged: cluster.Address, operand: cluster.Address, signal: cluster.Address
    ) -> None:
        """Begin to copy its share to all blocks, to the members of a team a part each."""
        product = self.product
        sent = product.sent(self.layout) * self.row // product.heads
        size = sent // product.split
        for head in range(product.heads):
            sources = cluster.Sources(staged.after(head * sent), size, product.split)
            start = head * (product.rows * self.row // product.heads) + self.number * size
            peers = cluster.Peers(np.int32(0), self.layout.cluster)
            cluster.exchange(sources, operand.after(start), signal, size, peers)

    def add(self, sums: Array, i: Array) -> list[Array]:
        product, memory = self.product, self.memory
        cluster.together()  # all threads have done with what was there
        cluster.leave(memory.sums.at[self.group, 0], sums, gpu.Layout.WGMMA)
        gpu.commit_smem()
        if product.split == 1:
            return self.cut(memory.sums.at[self.group, 0])
        size, signal = product.own * self.layout.rows * 4, self.own_signal(SUMS)
        place = self.group * np.int32(2 * product.split * size)
        cluster.expect(signal, product.split * size, each_group=True)
        sources = cluster.Sources(cluster.Address(memory.sums, place), size, product.split)
        target = cluster.Address(memory.sums, place + (product.split + self.member) * size)
        peers = cluster.Peers(self.block - self.member, product.split)
        cluster.exchange(sources, target, signal, size, peers)
        cluster.wait(signal, i)
        return self.cut(memory.sums.at[self.group, 1])
