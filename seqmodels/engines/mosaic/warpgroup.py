"""A warpgroup of the kernel: the operations that are the same on a device and in an interpreter."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import mosaic_gpu as plgpu

from seqmodels.engines.mosaic.fragments import Fragments, as_grid
from seqmodels.engines.mosaic.kernel_scan import KernelInput
from seqmodels.engines.mosaic.layout import ClusterLayout
from seqmodels.engines.mosaic.matmul import DistributedMatmul
from seqmodels.types import Array


class SharedMemory(NamedTuple):
    """The shared memory and the barriers of a block; W is the number of its warpgroups."""

    weights: Any  # [W, slots, M, chunk]
    operand: Any  # [2, K, rows], the rows of the operand that the block multiplies, double-buffered
    staged: Any  # [W, 2, sent, rows], a warpgroup's share of the operand, double-buffered
    sums: Any  # [W, 2, M, rows]: partial sums that a warpgroup computes, and those it receives
    barriers: Any  # of all copies
    cluster_barrier: Any  # of all warpgroups of the cluster


@dataclass(frozen=True)
class Warpgroup(ABC):
    """The warpgroup that runs the kernel, and everything that it can access."""

    layout: ClusterLayout
    matmul: DistributedMatmul
    cluster: Array  # index in the grid
    block: Array  # index in the cluster
    position: Array  # index in the block
    weights: Any  # [warpgroups, chunks, M, chunk], in global memory
    memory: SharedMemory
    register_chunks: tuple = ()  # chunks of the weights

    @property
    def index(self) -> Array:
        """The index in the cluster."""
        return self.block * np.int32(self.layout.block_warpgroups) + self.position

    @property
    def split_index(self) -> Array:
        """The index of the block in its split-K group."""
        return jax.lax.rem(self.block, np.int32(self.matmul.split))

    @classmethod
    @abstractmethod
    def current(
        cls, layout: ClusterLayout, matmul: DistributedMatmul, weights: Any, memory: SharedMemory
    ) -> "Warpgroup":
        """Return the warpgroup that runs the calling code."""

    @staticmethod
    @abstractmethod
    def scratch_types(layout: ClusterLayout, matmul: DistributedMatmul) -> SharedMemory:
        """Return the types of the shared memory of a block."""

    @staticmethod
    @abstractmethod
    def arrange(layout: ClusterLayout, weights: Array) -> Array:
        """Return the weights in the order in which chunks lie in shared memory."""

    @property
    @abstractmethod
    def memory_index(self) -> Array:
        """The index in the arrays of ``SharedMemory`` that have an axis of warpgroups."""

    @abstractmethod
    def load(self, ref: Any) -> Array:
        """Load a fragment."""

    @abstractmethod
    def store(self, ref: Any, a: Array) -> None:
        """Store a fragment."""

    @abstractmethod
    def cast_layout(self, a: Array) -> Array:
        """Return a fragment in the register layout of the loop's carry."""

    @abstractmethod
    def start(self) -> "Warpgroup":
        """Prepare for the first step; return the warpgroup with its chunks in registers."""

    @abstractmethod
    def fetch(self, chunks: Sequence[int]) -> None:
        """Start copying chunks of the weights to their slots."""

    @abstractmethod
    def wait_for_chunk(self, chunk: int, i: Any) -> None:
        """Wait for a chunk of the weights at step ``i``."""

    @abstractmethod
    def chunk_operand(self, chunk: int) -> Any:
        """Return a chunk of the weights that has arrived, as an operand of ``wgmma``."""

    @abstractmethod
    def all_gather(self, shares: list[Array], i: Array, overlap: Callable[[], None]) -> Any:
        """Return the operand of the block's matmul, gathered from the shares of all warpgroups.

        ``overlap`` is called while the copies are in flight.
        """

    @abstractmethod
    def reduce_scatter(self, sums: Array, i: Array) -> list[Array]:
        """Add the partial sums of a split-K group and return those of this warpgroup's columns."""

    def finish(self, steps: int) -> None:
        """Wait until no warpgroup accesses another's memory any more."""
        self.synchronize()

    def synchronize(self) -> None:
        """Wait for all warpgroups of the cluster."""
        plgpu.barrier_arrive(self.memory.cluster_barrier)
        plgpu.barrier_wait(self.memory.cluster_barrier)

    def read(self, source: KernelInput, ref: Any, time: tuple = ()) -> list[Array]:
        """Load the fragments of an input, or its only number."""
        shape = source.variable.shape
        if self.layout.is_scalar(shape):
            return [ref[time or (0,)]]
        return [self.load(ref.at[place]) for place in self.places(shape, time)]

    def as_value(self, source: KernelInput, fragments: list[Array]) -> Any:
        """Return the result of ``read`` as an operand of the step's operations."""
        shape = source.variable.shape
        if self.layout.is_scalar(shape):
            return fragments[0]
        fragments = [a != 0 for a in fragments] if source.boolean else fragments
        return Fragments(as_grid(fragments, self.layout.grid(shape)))

    def write(
        self, ref: Any, fragments: list[Array], shape: tuple[int, ...], time: tuple = ()
    ) -> None:
        """Store the fragments of an array where ``read`` expects them."""
        for place, a in zip(self.places(shape, time), fragments, strict=True):
            self.store(ref.at[place], a)

    def places(self, shape: tuple[int, ...], time: tuple) -> list[tuple]:
        """Return the indices of this warpgroup's fragments in a packed array."""
        starts = self.layout.starts(shape, self.index)
        units = self.layout.units
        return [(*time, self.cluster, pl.ds(k, units), slice(None)) for k in starts]

    def multiply(self, grid: np.ndarray, i: Array, overlap: Callable[[], None]) -> np.ndarray:
        """Return this warpgroup's columns ``[heads, M]`` of the product, from its operand share."""
        matmul, dtype = self.matmul, self.matmul.weights.dtype
        operand = self.all_gather([a.astype(dtype) for a in grid.flat], i, overlap)
        accumulator = plgpu.ACC((matmul.weights.shape[2], self.layout.rows), jnp.float32)
        results = []
        for head in range(matmul.heads):
            sums = pl.run_scoped(partial(self.accumulate, operand, head, i), accumulator)
            if head == matmul.heads - 1:
                self.fetch(matmul.prefetched)  # for the next step
            results += self.reduce_scatter(sums, i)
        return as_grid(results, (matmul.heads, -1))

    def accumulate(self, operand: Any, head: int, i: Array, accumulator: Any) -> Array:
        """Return the product of one head.

        Prefetched chunks come first, so that other chunks can follow in their slots.
        """
        matmul, per_head = self.matmul, self.matmul.chunks // self.matmul.heads
        order = [*range(head * per_head, (head + 1) * per_head)]
        if matmul.heads == 1:
            late = matmul.streamed[matmul.stream_slots :]
            order = [*matmul.prefetched, *range(matmul.in_registers), *matmul.resident, *late]
        for previous, chunk in zip([-1, *order], order, strict=False):
            self.wait_for_chunk(chunk, i)
            part = operand.at[pl.ds(chunk * matmul.chunk_rows, matmul.chunk_rows)]
            plgpu.wgmma(accumulator, self.chunk_operand(chunk), part)
            if previous in matmul.reused:
                plgpu.wgmma_wait(1)
                self.fetch([previous + matmul.stream_slots])
        product = accumulator[...]
        if order[-1] in matmul.reused:
            self.fetch([order[-1] + matmul.stream_slots])
        return product

    def add_partials(self, sums: Any) -> list[Array]:
        """Load this warpgroup's columns of all partial sums and add them."""
        columns, units = self.matmul.columns, self.layout.units
        partials = [
            [
                self.load(sums.at[pl.ds(k * columns + start, units)])
                for start in range(0, columns, units)
            ]
            for k in range(self.matmul.split)
        ]
        return [reduce(jax.lax.add, fragments) for fragments in zip(*partials, strict=True)]
