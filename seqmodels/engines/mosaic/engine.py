"""The Mosaic engine: which problems it takes, and how many blocks and warpgroups it uses."""

import math
from functools import partial
from typing import Any, NamedTuple

import jax

from seqmodels.engines import hopper
from seqmodels.engines.fused import run_recurrence
from seqmodels.engines.mosaic.kernel_scan import scan_in_kernel
from seqmodels.engines.mosaic.layout import ClusterLayout
from seqmodels.engines.mosaic.matmul import TILE
from seqmodels.engines.problem import Problem, structured_refusal, zeros_like
from seqmodels.errors import UserError
from seqmodels.types import Carry, Params

REQUIRED_NAMES = """
    ACC Barrier ClusterBarrier CompilerParams Layout RefType SMEM ShapeDtypeStruct SwizzleTransform
    TilingTransform barrier_arrive barrier_wait commit_smem inline_mgpu kernel layout_cast wgmma
    wgmma_wait
"""


class Mosaic(NamedTuple):
    """Run a structured cell with a 16-bit kernel and sizes that are multiples of 64 on Hopper.

    rows:       rows of the batch per cluster: 16, 32 or 64.
    blocks:     the largest number of thread blocks in a cluster.
    warpgroups: the largest number of warpgroups in a block.
    memory:     bytes of shared memory in a block.
    streamed:   the largest fraction of the weights that may be read from L2 at every step.
    interpret:  parameters of Pallas' GPU interpreter, which then runs the kernel.
    """

    rows: int = 16
    blocks: int = 16
    warpgroups: int = 4
    memory: int = 224 * 1024
    streamed: float = 1.0
    interpret: Any = None

    def refusal(self, problem: Problem) -> str | None:
        return structured_refusal(problem) or self.kernel_refusal(problem)

    def kernel_refusal(self, problem: Problem) -> str | None:
        """Return why the kernel cannot run a structured problem, or ``None`` if it can."""
        if self.rows not in (16, 32, 64) or self.blocks not in range(1, 17):
            return "needs rows=16, 32 or 64, and blocks from 1 to 16"
        if common_width(problem) % TILE:
            return f"needs hidden sizes that are multiples of {TILE}"
        if not self.block_counts(self.total_warpgroups(problem)):
            limit = f"{self.blocks} blocks of {self.warpgroups} warpgroups"
            return f"needs fewer units, or a number of units that {limit} can share evenly"
        if not self.interpret and not hopper.on_hopper():
            return f"needs an NVIDIA device of compute capability 9.0, not {jax.default_backend()}"
        if not has_mosaic():
            return f"does not support the Mosaic GPU backend of JAX {jax.__version__}"
        if not self.interpret and problem.kernel.dtype.itemsize != 2:
            return "needs a cell with dtype=jnp.bfloat16 (or float16)"
        return None

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        if not math.prod(problem.batch_shape):
            return run_recurrence(problem, problem.length)
        from seqmodels.engines.mosaic.kernel import launch  # after ``has_mosaic``

        layout = self.layout(problem)
        scan = partial(scan_in_kernel, layout, partial(launch, self, layout))
        return run_recurrence(problem, problem.length, scan)

    def layout(self, problem: Problem) -> ClusterLayout:
        """Return the layout with the most blocks per cluster at which all clusters run at once."""
        width, warpgroups = common_width(problem), self.total_warpgroups(problem)
        layouts = [
            ClusterLayout(problem.batch_shape, self.rows, width, blocks, warpgroups // blocks)
            for blocks in self.block_counts(warpgroups)
        ]
        room = hopper.multiprocessors()
        concurrent = [a for a in layouts if not room or a.clusters * a.blocks <= room]
        return (concurrent or layouts[:1])[-1]

    def total_warpgroups(self, problem: Problem) -> int:
        """Return how many warpgroups share the units, so that the gates of each fill whole tiles.

        The three gates of a GRU would need 64 units; 32 units and a half-empty tile are faster.
        """
        width = common_width(problem)
        gates = problem.kernel.shape[-1] // width
        return width // max(TILE >> (gates.bit_length() - 1), 16)

    def block_counts(self, warpgroups: int) -> list[int]:
        """Return the numbers of blocks that divide the warpgroups evenly, in ascending order."""
        counts = range(1, self.blocks + 1)
        return [k for k in counts if warpgroups % k == 0 and warpgroups // k <= self.warpgroups]

    def pays(self, problem: Problem) -> bool:
        """Return whether the engine is expected to be faster than ``fused``.

        This holds if the kernels of both passes keep most of the weights on chip, and all clusters
        run in at most two waves.
        """
        layout = self.layout(problem)
        if not 0 < layout.clusters * layout.blocks <= 2 * hopper.multiprocessors():
            return False
        engine = self._replace(streamed=0.6)

        def both_passes(params: Params) -> Params:
            out, pull = jax.vjp(lambda p: engine(problem._replace(params=p)), params)
            return pull(zeros_like(out))

        try:
            jax.eval_shape(both_passes, problem.params)
        except UserError:
            return False
        return True


def has_mosaic() -> bool:
    """Return whether this version of JAX has everything that the kernel uses."""
    try:
        from jax.experimental.pallas import mosaic_gpu
    except ImportError:
        return False
    return all(hasattr(mosaic_gpu, name) for name in REQUIRED_NAMES.split())


def common_width(problem: Problem) -> int:
    """Return the largest number of units that divides every size of the cell."""
    sizes = [a.shape[-1] for a in jax.tree.leaves(problem.carry)]
    return math.gcd(*sizes, *problem.kernel.shape[-2:])
