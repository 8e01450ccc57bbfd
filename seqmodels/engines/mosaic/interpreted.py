"""A party in Pallas' interpreter."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas
from jax.experimental.pallas import mosaic_gpu as gpu

from seqmodels.engines.mosaic.party import Memory, Party
from seqmodels.engines.mosaic.shares import Product, Shares
from seqmodels.types import Array


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
