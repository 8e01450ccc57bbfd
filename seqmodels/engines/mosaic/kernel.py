"""The kernel, as one party runs it: what it does at each step.

Arrays lie with the batch last, ``[units, rows]``: so the weights are the operand of ``wgmma`` that
must have 64 rows, and a small batch wastes nothing.  At each step a party copies its share of what
is multiplied into the memory of the blocks that need it.  No barrier is needed: each has two places
for it, which take turns, and whoever has received all of a step knows that everybody has finished
the step before.
"""

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
from jax.experimental.pallas import mosaic_gpu as gpu

from seqmodels.engines.mosaic import Mosaic
from seqmodels.engines.mosaic.blocks import (
    RULES,
    Factor,
    Rows,
    boxed,
    contract,
    elementwise,
    replay,
)
from seqmodels.engines.mosaic.device import OnDevice
from seqmodels.engines.mosaic.interpreted import Interpreted
from seqmodels.engines.mosaic.launch import Plan
from seqmodels.engines.mosaic.party import Memory, Party
from seqmodels.engines.mosaic.shares import Product, Shares, product_of
from seqmodels.engines.mosaic.tape import Equation, Matrix, Slot
from seqmodels.types import Array

# Those of the operations in blocks that Mosaic cannot lower, and what stands for two of them.
UNKNOWN = """
    add_any ceil copy erf_inv expm1 floor is_finite log1p pow reduce_sum sqrt stop_gradient tan
"""
OTHERWISE: dict[str, Callable] = {
    "add_any": jax.lax.add,
    "log1p": lambda x: jax.lax.log(1.0 + x),  # exact to 1e-7, if not to as many digits
}


def launch(settings: Mosaic, layout: Shares, plan: Plan) -> Sequence[Array]:
    """The one kernel launch: the last carry, and the outputs of every step."""
    product = product_of(layout, plan.tape, settings.memory, settings.streamed)
    parties: dict[str, Any] = {
        "cluster": (layout.cluster,),
        "cluster_names": ("block",),
        "num_threads": layout.groups,
        "thread_name": "group",
    }
    if settings.interpret:
        parties = {"num_threads": layout.parties, "thread_name": "party"}
    kind: type[Party] = Interpreted if settings.interpret else OnDevice
    run = gpu.kernel(
        partial(walk, kind, layout, plan, product),
        out_type=plan.results(layout),
        scratch_types=list(kind.memory_of(layout, product)),
        grid=(layout.programs,),
        grid_names=("program",),
        interpret=settings.interpret or False,
        compiler_params=gpu.CompilerParams(approx_math=True),  # 11 bits of mantissa, kernels have 8
        **parties,
    )
    return run(*[s.array for s in plan.sources], kind.arranged(layout, product.weights))


def walk(kind: type[Party], layout: Shares, plan: Plan, product: Product, *refs: Any) -> None:
    """The kernel: all steps of one party of a cluster."""
    inputs, outputs = len(plan.sources), len(plan.sources) + 1 + len(plan.types)
    me = kind.here(layout, product, refs[inputs], Memory(*refs[outputs:]))
    sources = list(zip(plan.sources, refs[:inputs], strict=True))
    results = refs[inputs + 1 : outputs]
    timed = [(s, ref) for s, ref in sources if s.timed]
    fixed = {s.slot: me.given(s, me.read(s, ref)) for s, ref in sources if not s.timed}
    carried = [s.slot for s in plan.sources[: plan.states]]
    me = me.begin()

    def read_at(i: Any) -> list[list[Array]]:
        i = jax.lax.min(i, np.int32(plan.length - 1))  # after the last step nobody uses it
        t = plan.length - 1 - i if plan.reverse else i
        return [me.read(s, ref, (t,)) for s, ref in timed]

    def step(i: Array, loop: tuple) -> tuple:
        state, given = loop
        t, ahead = plan.length - 1 - i if plan.reverse else i, []
        now = dict(zip(carried, state, strict=True))
        known = fixed | {s.slot: me.given(s, a) for (s, _), a in zip(timed, given, strict=True)}

        def read(operand: Slot | Matrix) -> Any:
            if isinstance(operand, Matrix):
                return Factor(None, operand.shape)
            if operand in now:
                return Rows(boxed(now[operand], layout.divide(operand.shape)[0]))
            return known[operand]

        def meanwhile() -> None:
            ahead.extend(read_at(i + 1))

        value = replay(plan.tape, layout, read, rules(me, i, meanwhile))
        ends = [list(value(end).blocks.flat) for end in plan.ends]
        late = list(zip(plan.types, results, ends, strict=True))[plan.states :]
        for end, ref, blocks in late:
            me.write(ref, blocks, end.shape, (t,))
        return [[me.settle(a) for a in blocks] for blocks in ends[: plan.states]], ahead

    first = [me.read(s, ref) for s, ref in sources[: plan.states]]
    begin = first, read_at(np.int32(0))
    last, _ = jax.lax.fori_loop(np.int32(0), np.int32(plan.length), step, begin)
    for end, ref, blocks in zip(plan.types, results, last, strict=False):
        me.write(ref, blocks, end.shape)
    me.end(plan.length)


def rules(party: Party, i: Array, meanwhile: Callable[[], None]) -> dict[str, Callable[..., Any]]:
    """What replaces the operations of a step."""

    def dot(layout: Shares, eqn: Equation, left: Any, right: Any) -> Rows:
        return contract(
            layout, eqn, left, right, lambda blocks, *_: party.multiply(blocks, i, meanwhile)
        )

    def instead(function: Callable) -> Callable:
        def rule(layout: Shares, eqn: Equation, x: Any, *rest: Any) -> Any:
            primitive = SimpleNamespace(bind=lambda *operands, **_: function(*operands))
            return elementwise(layout, eqn._replace(primitive=primitive), x, *rest)

        return rule

    known = {name: rule for name, rule in RULES.items() if name not in UNKNOWN.split()}
    return known | {name: instead(f) for name, f in OTHERWISE.items()} | {"dot_general": dot}
