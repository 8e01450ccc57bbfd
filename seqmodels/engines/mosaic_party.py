"""A party of ``mosaic_kernel.py``, a warpgroup: what it reaches, on a device and interpreted."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas
from jax.experimental.pallas import mosaic_gpu as gpu

from seqmodels.engines import cluster
from seqmodels.engines.blocks import Rows, boxed
from seqmodels.engines.mosaic import Product, Shares
from seqmodels.engines.pallas import Source
from seqmodels.types import Array


class Memory(NamedTuple):
    """What the parties of a block share; the first axis tells them apart, if there is no other."""

    weights: Any  # [groups, slots, M, chunk]
    operand: Any  # [2, K, rows], all of it that a block multiplies; its places take turns
    staged: Any  # [groups, 2, sent, rows], a party's share of the operand
    sums: Any  # [groups, 2, M, rows]: those that a party finds, and those for it
    signals: Any  # barriers of all copies
    met: Any  # where all parties meet


def tiles_of(layout: Shares, product: Product) -> tuple:
    """How both operands of ``wgmma`` lie in shared memory."""
    size = layout.rows * product.weights.dtype.itemsize
    return gpu.TilingTransform((8, layout.rows)), gpu.SwizzleTransform(size)


@dataclass(frozen=True)
class Party(ABC):
    """A warpgroup, and all that it reaches: ``OnDevice``, or in Pallas' interpreter."""

    layout: Shares
    product: Product
    program: Array  # whose rows it has
    block: Array  # of its cluster
    group: Array  # of its block
    weights: Any  # [parties, chunks, M, chunk], in global memory
    memory: Memory
    held: tuple = ()  # chunks of them in registers

    @property
    def number(self) -> Array:
        """Among all parties of the cluster."""
        return self.block * np.int32(self.layout.groups) + self.group

    @property
    def member(self) -> Array:
        """Its block's place in a team."""
        return jax.lax.rem(self.block, np.int32(self.product.split))

    @classmethod
    @abstractmethod
    def here(cls, layout: Shares, product: Product, weights: Any, memory: Memory) -> "Party":
        """This instance of the kernel."""

    @staticmethod
    @abstractmethod
    def memory_of(layout: Shares, product: Product) -> Memory:
        """What a block allocates."""

    @staticmethod
    @abstractmethod
    def arranged(layout: Shares, weights: Array) -> Array:
        """The weights, as they are copied."""

    @property
    @abstractmethod
    def mine(self) -> Array:
        """Its place in what the parties of a block share."""

    @abstractmethod
    def load(self, ref: Any) -> Array:
        """A block."""

    @abstractmethod
    def store(self, ref: Any, a: Array) -> None:
        """Write a block."""

    @abstractmethod
    def settle(self, a: Array) -> Array:
        """The same block, laid out like all that a loop carries."""

    @abstractmethod
    def begin(self) -> "Party":
        """All that there is to do before the first step; itself, with the chunks that it holds."""

    @abstractmethod
    def fetch(self, chunks: Sequence[int]) -> None:
        """Begin to copy chunks of the weights to their slots."""

    @abstractmethod
    def receive(self, chunk: int, i: Any) -> None:
        """Wait for a chunk of the weights at step ``i``."""

    @abstractmethod
    def factor(self, chunk: int) -> Any:
        """The chunk, once received."""

    @abstractmethod
    def gather(self, shares: list[Array], i: Array, meanwhile: Callable[[], None]) -> Any:
        """All that this party multiplies, from the shares of all; ``meanwhile`` is done, too."""

    @abstractmethod
    def add(self, sums: Array, i: Array) -> list[Array]:
        """The sums of a team for this party's columns."""

    def end(self, steps: int) -> None:
        """Nobody leaves before the others."""
        self.meet()

    def meet(self) -> None:
        """Wait for all parties."""
        gpu.barrier_arrive(self.memory.met)
        gpu.barrier_wait(self.memory.met)

    def read(self, source: Source, ref: Any, time: tuple = ()) -> list[Array]:
        """An array of the step in blocks, or a number, as ``given`` takes it."""
        shape = source.slot.shape
        if self.layout.is_number(shape):
            return [ref[time or (0,)]]
        return [self.load(ref.at[place]) for place in self.places(shape, time)]

    def given(self, source: Source, blocks: list[Array]) -> Any:
        """What was read, as an operation takes it."""
        shape = source.slot.shape
        if self.layout.is_number(shape):
            return blocks[0]
        blocks = [a != 0 for a in blocks] if source.flags else blocks
        return Rows(boxed(blocks, self.layout.divide(shape)[0]))

    def write(
        self, ref: Any, blocks: list[Array], shape: tuple[int, ...], time: tuple = ()
    ) -> None:
        """The blocks of an array to where ``read`` finds them."""
        for place, a in zip(self.places(shape, time), blocks, strict=True):
            self.store(ref.at[place], a)

    def places(self, shape: tuple[int, ...], time: tuple) -> list[tuple]:
        """Where its blocks of an array lie in global memory."""
        starts = self.layout.starts(shape, self.number)
        return [(*time, self.program, pallas.ds(k, self.layout.units), slice(None)) for k in starts]

    def multiply(self, blocks: np.ndarray, i: Array, meanwhile: Callable[[], None]) -> np.ndarray:
        """Its columns of a step's product, ``[heads, M]``, from its share of the operand."""
        product, dtype = self.product, self.product.weights.dtype
        operand = self.gather([a.astype(dtype) for a in blocks.flat], i, meanwhile)
        accumulator = gpu.ACC((product.weights.shape[2], self.layout.rows), jnp.float32)
        found = []
        for head in range(product.heads):
            sums = pallas.run_scoped(partial(self.accumulate, operand, head, i), accumulator)
            if head == product.heads - 1:
                self.fetch(product.late[: product.streams])  # the next step's, ahead of it
            found += self.add(sums, i)
        return boxed(found, (product.heads, -1))

    def accumulate(self, operand: Any, head: int, i: Array, accumulator: Any) -> Array:
        """A head's product; chunks that were fetched ahead go first, so that others may follow."""
        product, each = self.product, self.product.chunks // self.product.heads
        order = [*range(head * each, (head + 1) * each)]
        if product.heads == 1:
            ahead, after = product.late[: product.streams], product.late[product.streams :]
            order = [*ahead, *range(product.held), *product.resident, *after]
        for done, chunk in zip([-1, *order], order, strict=False):
            self.receive(chunk, i)
            part = operand.at[pallas.ds(chunk * product.chunk, product.chunk)]
            gpu.wgmma(accumulator, self.factor(chunk), part)
            if done in product.followed:
                gpu.wgmma_wait(1)
                self.fetch([done + product.streams])
        found = accumulator[...]
        if order[-1] in product.followed:
            self.fetch([order[-1] + product.streams])
        return found

    def cut(self, sums: Any) -> list[Array]:
        """Its columns of what the members of its team found, added up."""
        product, units = self.product, self.layout.units
        starts = range(0, product.own, units)
        parts = [
            [self.load(sums.at[pallas.ds(k * product.own + start, units)]) for start in starts]
            for k in range(product.split)
        ]
        return [reduce(jax.lax.add, shares) for shares in zip(*parts, strict=True)]


class Interpreted(Party):
    """In Pallas' interpreter, which knows no clusters.

    All parties are threads of one block, with memory of their own in arrays that they share; they
    meet at a barrier wherever one waits for what another does.
    """

    @staticmethod
    def memory_of(layout: Shares, product: Product) -> Memory:
        parties, dtype = layout.parties, product.weights.dtype
        m, chunk = product.weights.shape[2:]
        return Memory(
            gpu.SMEM((parties, product.held + product.slots, m, chunk), dtype),
            gpu.SMEM((parties, 2, product.rows, layout.rows), dtype),
            gpu.SMEM((1, 128), jnp.float32),  # unused, as are signals
            gpu.SMEM((parties, 2, m, layout.rows), jnp.float32),
            gpu.SMEM((1, 128), jnp.float32),
            gpu.Barrier(num_arrivals=parties),
        )

    @staticmethod
    def arranged(layout: Shares, weights: Array) -> Array:
        return weights

    @classmethod
    def here(cls, layout: Shares, product: Product, weights: Any, memory: Memory) -> "Interpreted":
        number = jax.lax.axis_index("party")
        groups = np.int32(layout.groups)
        block, group = jax.lax.div(number, groups), jax.lax.rem(number, groups)
        program = jax.lax.axis_index("program")
        return cls(layout, product, program, block, group, weights, memory)

    @property
    def mine(self) -> Array:
        return self.number

    def load(self, ref: Any) -> Array:
        return ref[...]

    def store(self, ref: Any, a: Array) -> None:
        ref[...] = a

    def settle(self, a: Array) -> Array:
        return a

    def begin(self) -> "Interpreted":
        product = self.product
        self.fetch([*range(product.held), *product.resident, *product.late[: product.streams]])
        self.meet()
        return self

    def fetch(self, chunks: Sequence[int]) -> None:
        for chunk in chunks:
            self.factor(chunk)[...] = self.weights[self.number, chunk]

    def receive(self, chunk: int, i: Any) -> None:
        pass

    def factor(self, chunk: int) -> Any:
        held = self.product.held  # whose places are before the slots
        place = chunk if chunk < held else held + self.product.slot(chunk)
        return self.memory.weights.at[self.mine, place]

    def gather(self, shares: list[Array], i: Array, meanwhile: Callable[[], None]) -> Any:
        product, place = self.product, jax.lax.rem(i, np.int32(2))
        sent = product.sent(self.layout) // product.heads
        each = sent // product.split
        rows = jnp.concatenate(shares)
        for peer in range(self.layout.parties):
            member = peer // self.layout.groups % product.split
            for head in range(product.heads):
                start = head * product.rows // product.heads + self.number * each
                part = jax.lax.slice_in_dim(
                    rows, head * sent + member * each, head * sent + (member + 1) * each
                )
                self.memory.operand[peer, place, pallas.ds(start, each)] = part
        meanwhile()
        gpu.commit_smem()
        self.meet()
        return self.memory.operand.at[self.mine, place]

    def add(self, sums: Array, i: Array) -> list[Array]:
        product = self.product
        first = (self.block - self.member) * np.int32(self.layout.groups) + self.group
        for k in range(product.split):
            part = jax.lax.slice_in_dim(sums, k * product.own, (k + 1) * product.own)
            place = pallas.ds(self.member * product.own, product.own)
            self.memory.sums[first + k * self.layout.groups, 1, place] = part
        self.meet()
        found = self.cut(self.memory.sums.at[self.mine, 1])
        self.meet()
        return found


SUMS, RESIDENT, STREAM = 0, 1, 2  # a party's signals


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
