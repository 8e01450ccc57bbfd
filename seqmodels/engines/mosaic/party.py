"""A party of ``kernel.py``, a warpgroup: what it does alike on a device and interpreted."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas
from jax.experimental.pallas import mosaic_gpu as gpu

from seqmodels.engines.mosaic.blocks import Rows, boxed
from seqmodels.engines.mosaic.launch import Source
from seqmodels.engines.mosaic.shares import Product, Shares
from seqmodels.types import Array


class Memory(NamedTuple):
    """What the parties of a block share; the first axis tells them apart, if there is no other."""

    weights: Any  # [groups, slots, M, chunk]
    operand: Any  # [2, K, rows], all of it that a block multiplies; its places take turns
    staged: Any  # [groups, 2, sent, rows], a party's share of the operand
    sums: Any  # [groups, 2, M, rows]: those that a party finds, and those for it
    signals: Any  # barriers of all copies
    met: Any  # where all parties meet


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
