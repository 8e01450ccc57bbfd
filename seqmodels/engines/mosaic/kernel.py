"""The kernel: all steps of a scan in one warpgroup.

Arrays have the batch last, ``[units, rows]``.  So the weights are the operand of ``wgmma`` that
must have 64 rows, and a small batch wastes nothing.  At each step a warpgroup copies its share of
the matmul's operand to the blocks that need it.  The operand is double-buffered and needs no
cluster barrier, because a warpgroup that has received the whole operand of a step knows that all
others have finished the previous step.
"""

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
from jax.experimental.pallas import mosaic_gpu as plgpu

from seqmodels.engines.mosaic.engine import Mosaic
from seqmodels.engines.mosaic.fragments import (
    RULES,
    Fragments,
    as_grid,
    contract,
    elementwise,
    replay,
)
from seqmodels.engines.mosaic.gpu import DeviceWarpgroup
from seqmodels.engines.mosaic.interpreter import InterpretedWarpgroup
from seqmodels.engines.mosaic.kernel_scan import KernelScan
from seqmodels.engines.mosaic.layout import ClusterLayout
from seqmodels.engines.mosaic.matmul import DistributedMatmul, plan_matmul
from seqmodels.engines.mosaic.tape import Equation, Variable
from seqmodels.engines.mosaic.warpgroup import SharedMemory, Warpgroup
from seqmodels.types import Array

# Substitutes for elementwise operations that Mosaic GPU cannot lower.
SUBSTITUTES: dict[str, Callable] = {
    "add_any": jax.lax.add,
    "log1p": lambda x: jax.lax.log(1.0 + x),  # absolute error 1e-7
}


def launch(engine: Mosaic, layout: ClusterLayout, scan: KernelScan) -> Sequence[Array]:
    """Launch the kernel once; return the final carry and the outputs of every step."""
    matmul = plan_matmul(layout, scan.tape, engine.memory, engine.streamed)
    mesh: dict[str, Any] = {
        "cluster": (layout.blocks,),
        "cluster_names": ("block",),
        "num_threads": layout.block_warpgroups,
        "thread_name": "warpgroup",
    }
    if engine.interpret:
        mesh = {"num_threads": layout.warpgroups, "thread_name": "warpgroup"}
    kind: type[Warpgroup] = InterpretedWarpgroup if engine.interpret else DeviceWarpgroup
    run = plgpu.kernel(
        partial(run_steps, kind, layout, scan, matmul),
        out_type=scan.output_types(layout),
        scratch_types=list(kind.scratch_types(layout, matmul)),
        grid=(layout.clusters,),
        grid_names=("cluster",),
        interpret=engine.interpret or False,
        compiler_params=plgpu.CompilerParams(approx_math=True),  # 11 bits; weights have 8
        **mesh,
    )
    return run(*[x.array for x in scan.inputs], kind.arrange(layout, matmul.weights))


def run_steps(
    kind: type[Warpgroup],
    layout: ClusterLayout,
    scan: KernelScan,
    matmul: DistributedMatmul,
    *refs: Any,
) -> None:
    """Run all steps of one warpgroup; ``refs`` are inputs, weights, outputs and scratch memory."""
    inputs, outputs = len(scan.inputs), len(scan.inputs) + 1 + len(scan.types)
    sources = list(zip(scan.inputs, refs[:inputs], strict=True))
    results = refs[inputs + 1 : outputs]
    warpgroup = kind.current(layout, matmul, refs[inputs], SharedMemory(*refs[outputs:]))
    constants = {
        x.variable: warpgroup.as_value(x, warpgroup.read(x, ref))
        for x, ref in sources
        if not x.timed
    }
    warpgroup = warpgroup.start()
    step = make_step(warpgroup, scan, constants, sources, results)
    carry = [warpgroup.read(x, ref) for x, ref in sources[: scan.states]]
    first = carry, read_timed(warpgroup, scan, sources, np.int32(0))
    carry, _ = jax.lax.fori_loop(np.int32(0), np.int32(scan.length), step, first)
    for end, ref, fragments in zip(scan.types, results, carry, strict=False):
        warpgroup.write(ref, fragments, end.shape)
    warpgroup.finish(scan.length)


def make_step(
    warpgroup: Warpgroup, scan: KernelScan, constants: dict, sources: list, results: Sequence
) -> Callable[[Array, tuple], tuple]:
    """Return ``(i, (carry, inputs)) -> (carry, inputs)``; the inputs of a step are read ahead."""
    layout = warpgroup.layout
    states = [x.variable for x in scan.inputs[: scan.states]]
    timed = [x for x in scan.inputs if x.timed]

    def step(i: Array, loop: tuple) -> tuple:
        carry, inputs = loop
        t, next_inputs = time_index(scan, i), []
        current = dict(zip(states, carry, strict=True))
        known = constants | {
            x.variable: warpgroup.as_value(x, a) for x, a in zip(timed, inputs, strict=True)
        }

        def read(variable: Variable) -> Any:
            if variable in current:
                return Fragments(as_grid(current[variable], layout.grid(variable.shape)))
            return known[variable]

        def overlap() -> None:
            next_inputs.extend(read_timed(warpgroup, scan, sources, i + 1))

        value = replay(scan.tape, layout, read, step_rules(warpgroup, i, overlap))
        ends = [list(value(end).grid.flat) for end in scan.ends]
        ys = list(zip(scan.types, results, ends, strict=True))[scan.states :]
        for end, ref, fragments in ys:
            warpgroup.write(ref, fragments, end.shape, (t,))
        carry = [[warpgroup.cast_layout(a) for a in state] for state in ends[: scan.states]]
        return carry, next_inputs

    return step


def time_index(scan: KernelScan, i: Any) -> Any:
    """Return the time step of iteration ``i``."""
    return scan.length - 1 - i if scan.reverse else i


def read_timed(warpgroup: Warpgroup, scan: KernelScan, sources: list, i: Any) -> list[list[Array]]:
    """Read the inputs of iteration ``i``; after the last one, those of the last one again."""
    t = time_index(scan, jax.lax.min(i, np.int32(scan.length - 1)))
    return [warpgroup.read(x, ref, (t,)) for x, ref in sources if x.timed]


def step_rules(
    warpgroup: Warpgroup, i: Array, overlap: Callable[[], None]
) -> dict[str, Callable[..., Any]]:
    """Return the rules by which ``replay`` evaluates the operations of step ``i``."""

    def dot_general(layout: ClusterLayout, eqn: Equation, left: Any, right: Any) -> Fragments:
        multiply = lambda grid: warpgroup.multiply(grid, i, overlap)  # noqa: E731
        return contract(layout, eqn, left, right, multiply)

    def substitute(function: Callable) -> Callable:
        def rule(layout: ClusterLayout, eqn: Equation, x: Any, *rest: Any) -> Any:
            primitive = SimpleNamespace(bind=lambda *operands, **_: function(*operands))
            return elementwise(layout, eqn._replace(primitive=primitive), x, *rest)

        return rule

    substitutes = {name: substitute(f) for name, f in SUBSTITUTES.items()}
    return RULES | substitutes | {"dot_general": dot_general}
