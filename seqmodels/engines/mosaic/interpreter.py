"""A warpgroup in Pallas' GPU interpreter."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import mosaic_gpu as plgpu

from seqmodels.engines.mosaic.layout import ClusterLayout
from seqmodels.engines.mosaic.matmul import DistributedMatmul
from seqmodels.engines.mosaic.warpgroup import SharedMemory, Warpgroup
from seqmodels.types import Array


class InterpretedWarpgroup(Warpgroup):
    """A thread of Pallas' GPU interpreter, which does not support clusters.

    All warpgroups of a cluster are threads of one block, each with its part of shared arrays.  They
    meet at a barrier wherever one of them waits for data of another.
    """

    @staticmethod
    def scratch_types(layout: ClusterLayout, matmul: DistributedMatmul) -> SharedMemory:
        warpgroups, dtype = layout.warpgroups, matmul.weights.dtype
        m, chunk = matmul.weights.shape[2:]
        chunks = matmul.in_registers + matmul.slots
        return SharedMemory(
            plgpu.SMEM((warpgroups, chunks, m, chunk), dtype),
            plgpu.SMEM((warpgroups, 2, matmul.operand_rows, layout.rows), dtype),
            plgpu.SMEM((1, 128), jnp.float32),  # unused, like the barriers of copies
            plgpu.SMEM((warpgroups, 2, m, layout.rows), jnp.float32),
            plgpu.SMEM((1, 128), jnp.float32),
            plgpu.Barrier(num_arrivals=warpgroups),
        )

    @staticmethod
    def arrange(layout: ClusterLayout, weights: Array) -> Array:
        return weights

    @classmethod
    def current(
        cls, layout: ClusterLayout, matmul: DistributedMatmul, weights: Any, memory: SharedMemory
    ) -> "InterpretedWarpgroup":
        index, count = jax.lax.axis_index("warpgroup"), np.int32(layout.block_warpgroups)
        block, position = jax.lax.div(index, count), jax.lax.rem(index, count)
        cluster = jax.lax.axis_index("cluster")
        return cls(layout, matmul, cluster, block, position, weights, memory)

    @property
    def memory_index(self) -> Array:
        return self.index

    def load(self, ref: Any) -> Array:
        return ref[...]

    def store(self, ref: Any, a: Array) -> None:
        ref[...] = a

    def cast_layout(self, a: Array) -> Array:
        return a

    def start(self) -> "InterpretedWarpgroup":
        matmul = self.matmul
        self.fetch([*range(matmul.in_registers), *matmul.resident, *matmul.prefetched])
        self.synchronize()
        return self

    def fetch(self, chunks: Sequence[int]) -> None:
        for chunk in chunks:
            self.chunk_operand(chunk)[...] = self.weights[self.index, chunk]

    def wait_for_chunk(self, chunk: int, i: Any) -> None:
        pass

    def chunk_operand(self, chunk: int) -> Any:
        registers = self.matmul.in_registers  # the places of these chunks precede the slots
        place = chunk if chunk < registers else registers + self.matmul.slot(chunk)
        return self.memory.weights.at[self.memory_index, place]

    def all_gather(self, shares: list[Array], i: Array, overlap: Callable[[], None]) -> Any:
        matmul, buffer = self.matmul, jax.lax.rem(i, np.int32(2))
        sent = matmul.sent_rows(self.layout) // matmul.heads
        size = sent // matmul.split
        rows = jnp.concatenate(shares)
        for peer in range(self.layout.warpgroups):
            split_index = peer // self.layout.block_warpgroups % matmul.split
            for head in range(matmul.heads):
                start = head * matmul.operand_rows // matmul.heads + self.index * size
                first = head * sent + split_index * size
                part = jax.lax.slice_in_dim(rows, first, first + size)
                self.memory.operand[peer, buffer, pl.ds(start, size)] = part
        overlap()
        plgpu.commit_smem()
        self.synchronize()
        return self.memory.operand.at[self.memory_index, buffer]

    def reduce_scatter(self, sums: Array, i: Array) -> list[Array]:
        matmul, count = self.matmul, self.layout.block_warpgroups
        first = (self.block - self.split_index) * np.int32(count) + self.position
        for k in range(matmul.split):
            part = jax.lax.slice_in_dim(sums, k * matmul.columns, (k + 1) * matmul.columns)
            place = pl.ds(self.split_index * matmul.columns, matmul.columns)
            self.memory.sums[first + k * count, 1, place] = part
        self.synchronize()
        results = self.add_partials(self.memory.sums.at[self.memory_index, 1])
        self.synchronize()
        return results
