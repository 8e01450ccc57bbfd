"""The whole recurrence in one launch on Hopper, its units shared out over a cluster of blocks.

The engine is ``fused`` with another loop, into which ``update`` is traced (``blocks.py``).  A
cluster of thread blocks has ``rows`` of the batch, and each warpgroup of a block, a party, has its
share of the units: all their gates, so that ``update`` needs nobody else.  A party keeps its part
of the recurrent kernel in shared memory and in registers, and streams what does not fit from L2.

This file is the engine, ``shares.py`` says who has what, ``kernel.py`` what a party does at each
step; it does so on a device (``device.py``, with ``cluster.py``'s PTX) or in Pallas' interpreter
(``interpreted.py``).
"""

import math
from functools import partial
from typing import Any, NamedTuple

import jax

from seqmodels.engines.fused import solve
from seqmodels.engines.mosaic.launch import in_one_launch
from seqmodels.engines.mosaic.shares import TILE, Shares
from seqmodels.engines.problem import Problem, zeros_like
from seqmodels.errors import UserError
from seqmodels.types import Carry, Params

NEEDED = """
    ACC Barrier ClusterBarrier CompilerParams Layout RefType SMEM ShapeDtypeStruct SwizzleTransform
    TilingTransform barrier_arrive barrier_wait commit_smem inline_mgpu kernel layout_cast wgmma
    wgmma_wait
"""


class Mosaic(NamedTuple):
    """Takes structured cells with 16-bit kernels and sizes that are multiples of 64, on Hopper.

    A cluster has ``rows`` of the batch (16, 32 or 64) and at most ``blocks`` thread blocks of at
    most ``groups`` warpgroups; a block may use ``memory`` bytes.  No more than a share of
    ``streamed`` of the weights may be read anew at every step.  ``interpret`` takes the parameters
    of Pallas' GPU interpreter.
    """

    rows: int = 16
    blocks: int = 16
    groups: int = 4
    memory: int = 224 * 1024
    streamed: float = 1.0
    interpret: Any = None

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        if not math.prod(problem.batch_shape):
            return solve(problem, problem.length)
        from seqmodels.engines.mosaic.kernel import launch  # costs a second, which few have to pay

        layout = self.layout(problem)
        return solve(
            problem, problem.length, partial(in_one_launch, layout, partial(launch, self, layout))
        )

    def layout(self, problem: Problem) -> Shares:
        """Who has what: as many blocks in a cluster as the device has room for at once."""
        width, parties = width_of(problem), self.parties(problem)
        shares = [
            Shares(problem.batch_shape, self.rows, width, blocks, parties // blocks)
            for blocks in self.ways(parties)
        ]
        at_once = [s for s in shares if not room() or s.programs * s.cluster <= room()]
        return (at_once or shares[:1])[-1]

    def parties(self, problem: Problem) -> int:
        """Among how many warpgroups the units are shared: the gates of each fill whole tiles.

        Three gates would do so only with 64 units; 32 and a tile that is half empty are faster.
        """
        width = width_of(problem)
        gates = problem.kernel.shape[-1] // width
        return width // max(TILE >> (gates.bit_length() - 1), 16)

    def ways(self, parties: int) -> list[int]:
        """How many blocks can share the parties evenly, ascending."""
        most = range(1, self.blocks + 1)
        return [k for k in most if parties % k == 0 and parties // k <= self.groups]

    def pays(self, problem: Problem) -> bool:
        """Whether both passes have a kernel that keeps most of the weights, and all have room soon.

        That is, clusters wait for room on the device but once.
        """
        layout = self.layout(problem)
        if not 0 < layout.programs * layout.cluster <= 2 * room():
            return False

        run = self._replace(streamed=0.6)

        def both_passes(params: Params) -> Params:
            out, pull = jax.vjp(lambda p: run(problem._replace(params=p)), params)
            return pull(zeros_like(out))

        try:
            jax.eval_shape(both_passes, problem.params)
        except UserError:
            return False
        return True

    def refusal(self, problem: Problem) -> str | None:
        """Why it cannot run a problem; ``None`` where it can."""
        if self.rows not in (16, 32, 64) or self.blocks not in range(1, 17):
            return "needs rows=16, 32 or 64, and blocks from 1 to 16"
        if width_of(problem) % TILE:
            return f"needs hidden sizes that are multiples of {TILE}"
        if not self.ways(self.parties(problem)):
            who = f"{self.blocks} blocks of {self.groups} warpgroups"
            return f"needs fewer units, or a number of them that {who} can share out"
        if not has_mosaic():
            return f"does not know Mosaic GPU as it is in JAX {jax.__version__}"
        if self.interpret:
            return None
        if problem.kernel.dtype.itemsize != 2:
            return "needs a cell with dtype=jnp.bfloat16 (or float16)"
        if not on_hopper():
            return f"needs an NVIDIA device of compute capability 9.0, not {jax.default_backend()}"
        return None


def has_mosaic() -> bool:
    """Whether this JAX has what the kernel is written with."""
    try:
        from jax.experimental.pallas import mosaic_gpu
    except ImportError:
        return False
    return all(hasattr(mosaic_gpu, name) for name in NEEDED.split())


def on_hopper() -> bool:
    """Whether the default device has wgmma, which later ones have not."""
    device = jax.devices()[0]
    return device.platform == "gpu" and getattr(device, "compute_capability", "") == "9.0"


def room() -> int:
    """Multiprocessors of the device; none where there are several, among which XLA cannot cut."""
    return getattr(jax.devices()[0], "core_count", 0) if jax.device_count() == 1 else 0


def width_of(problem: Problem) -> int:
    """The largest number of units that divides every size."""
    sizes = [a.shape[-1] for a in jax.tree.leaves(problem.carry)]
    return math.gcd(*sizes, *problem.kernel.shape[-2:])
