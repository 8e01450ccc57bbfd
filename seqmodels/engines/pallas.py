"""The whole recurrence in one kernel launch on an NVIDIA GPU, through Pallas and Triton.

The engine is ``fused`` with another loop: where that scans over time, once forwards and once
backwards, here a kernel walks.  Its programs share out the rows of the batch; each keeps the carry
of its rows in registers, and the cell's own ``update``, or the pullback of it, is traced into the
kernel (``blocks.py``).  The recurrent kernel is read anew at every step, from L2 or L1.
Projections and the gradients of weights stay outside, one matmul for all steps.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from seqmodels.engines.blocks import Factor, Rows, boxed, replay
from seqmodels.engines.cudnn import on_nvidia
from seqmodels.engines.fused import solve
from seqmodels.engines.layout import Layout
from seqmodels.engines.problem import Problem
from seqmodels.engines.tape import Matrix, Slot, Tape, record
from seqmodels.types import Array, Carry, PyTree

SMALLEST = 16  # rows or columns of a matmul of Triton's
MATMULS = 512  # of blocks in a step: they are written out, and somebody has to compile them
WIDTH, WIDER = 64, 128  # columns of a block; the second where the first would be too many matmuls
WARPS = {WIDTH: 4, WIDER: 16}  # a wide cell's gates, 16 rows of them, need the threads' registers


class Pallas(NamedTuple):
    """Takes structured cells whose sizes are multiples of 16; no forward mode.

    A program has ``rows`` of the batch and ``warps`` of 32 threads, and works on blocks of at most
    ``width`` columns; all are powers of two, and zero leaves the choice to the engine.
    ``interpret`` runs it anywhere, slowly.
    """

    rows: int = 16
    width: int = 0
    warps: int = 0
    interpret: bool = False

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        if not math.prod(problem.batch_shape):
            return solve(problem, problem.length)
        layout = Layout(problem.batch_shape, self.rows, self.block_width(problem))
        run = partial(in_one_launch, layout, partial(launch, self, layout))
        return solve(problem, problem.length, run)

    def refusal(self, problem: Problem) -> str | None:
        """Why it cannot run a problem; ``None`` where it can."""
        width = self.block_width(problem)
        if width < SMALLEST:
            return f"needs hidden sizes that are multiples of {SMALLEST}"
        if matmuls(problem, width) > MATMULS:
            return f"would need more than {MATMULS} matmuls of {width} columns in every step"
        if not self.interpret and not on_nvidia():
            return f"needs an NVIDIA device, not {jax.default_backend()}"
        return None

    def block_width(self, problem: Problem) -> int:
        """The columns of a block: the largest power of two that divides every size."""
        sizes = [a.shape[-1] for a in jax.tree.leaves(problem.carry)]
        common = math.gcd(*sizes, *problem.kernel.shape[-2:])
        largest = common & -common
        most = self.width or (WIDTH if matmuls(problem, min(largest, WIDTH)) <= MATMULS else WIDER)
        return min(largest, most)


def matmuls(problem: Problem, width: int) -> int:
    """The matmuls of a step in blocks of so many columns."""
    return math.prod(problem.kernel.shape) // width**2


class Source(NamedTuple):
    """An array that the kernel reads: whole, or at step t its t-th element."""

    slot: Slot
    array: Array  # [rows], [rows, features], or a number [1]; with T before it where timed
    timed: bool
    flags: bool  # whether they were Booleans before they were packed


class Plan(NamedTuple):
    """A scan as the kernel needs it."""

    tape: Tape
    sources: list[Source]  # the first ``states`` of them are the carry
    states: int
    ends: list[Any]  # the new carry, then a step's outputs
    types: list[jax.ShapeDtypeStruct]  # of ``ends``
    length: int
    reverse: bool

    def results(self, layout: Layout) -> list[jax.ShapeDtypeStruct]:
        """What the kernel writes: the last carry, and what every step gives."""
        shapes = [
            [self.length] * (k >= self.states) + [*layout.packed(end.shape)]
            for k, end in enumerate(self.types)
        ]
        pairs = zip(shapes, self.types, strict=True)
        return [jax.ShapeDtypeStruct(shape, end.dtype) for shape, end in pairs]


def in_one_launch(
    layout: Layout,
    launch: Callable[[Plan], Sequence[Array]],
    step: Callable,
    carry: PyTree,
    xs: PyTree,
    reverse: bool = False,
) -> tuple[PyTree, PyTree]:
    """``jax.lax.scan(step, carry, xs, reverse=reverse)`` by a kernel, of a step on rows."""
    first = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), xs)
    closed, shapes = jax.make_jaxpr(step, return_shape=True)(carry, first)
    tape = Tape(layout.batch, [], [], [], [])
    slots = [tape.slot(aval.shape) for aval in closed.in_avals]
    ends = [tape.row(x) for x in record(tape, closed.jaxpr, closed.consts, slots)]

    states, inputs = jax.tree.leaves(carry), jax.tree.leaves(xs)
    count, types = len(states), jax.tree.leaves(shapes)

    def source(slot: Slot, a: Array, *, timed: bool = False) -> Source:
        return Source(slot, layout.pack(a, int(timed)), timed, a.dtype == bool)

    sources = [
        *(source(slot, a) for slot, a in zip(slots, states, strict=False)),
        *(source(slot, a, timed=True) for slot, a in zip(slots[count:], inputs, strict=True)),
        *(source(slot, a) for slot, a in tape.constants),
    ]
    done = launch(Plan(tape, sources, count, ends, types, inputs[0].shape[0], reverse))
    done = [layout.unpack(a, end) for a, end in zip(done, types, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(shapes), done)


def launch(settings: Pallas, layout: Layout, plan: Plan) -> Sequence[Array]:
    """The one kernel launch: the last carry, and the outputs of every step."""
    from jax.experimental import pallas  # costs a second, which few have to pay
    from jax.experimental.pallas import triton

    def whole(a: Array) -> Any:
        return pallas.BlockSpec(a.shape, lambda i: (0,) * a.ndim)

    def by_rows(a: Any, time: int) -> Any:
        block = (*a.shape[:time], layout.rows, *a.shape[time + 1 :])
        return pallas.BlockSpec(
            block, lambda i: tuple(i if k == time else 0 for k in range(a.ndim))
        )

    late = [int(k >= plan.states) for k in range(len(plan.types))]
    results = plan.results(layout)
    arrays = [s.array for s in plan.sources]
    warps = settings.warps or WARPS[WIDER if layout.width >= WIDER else WIDTH]
    return pallas.pallas_call(
        partial(walk, layout, plan),
        grid=(layout.programs,),
        in_specs=[
            whole(s.array) if layout.is_number(s.slot.shape) else by_rows(s.array, int(s.timed))
            for s in plan.sources
        ]
        + [whole(a) for a in plan.tape.matrices],
        out_specs=[by_rows(a, time) for a, time in zip(results, late, strict=True)],
        out_shape=results,
        interpret=settings.interpret,
        compiler_params=triton.CompilerParams(num_warps=warps, num_stages=1),
        name="recurrence",
    )(*arrays, *plan.tape.matrices)


def walk(layout: Layout, plan: Plan, *refs: Any) -> None:
    """The kernel: all steps of one block of rows."""
    given, rest = refs[: len(plan.sources)], refs[len(plan.sources) :]
    matrices, results = rest[: len(plan.tape.matrices)], rest[len(plan.tape.matrices) :]
    sources = {s.slot: (ref, s.timed) for s, ref in zip(plan.sources, given, strict=True)}
    carried = [s.slot for s in plan.sources[: plan.states]]

    def step(i: Array, state: list[list[Array]]) -> list[list[Array]]:
        t = plan.length - 1 - i if plan.reverse else i
        now = dict(zip(carried, state, strict=True))

        def read(operand: Slot | Matrix) -> Any:
            if isinstance(operand, Matrix):
                return Factor(matrices[operand.place], operand.shape)
            if operand in now:
                return Rows(boxed(now[operand], layout.divide(operand.shape)[0]))
            ref, timed = sources[operand]
            return load(layout, ref, operand.shape, (t,) * timed)

        value = replay(plan.tape, layout, read)
        ends = [list(value(end).blocks.flat) for end in plan.ends]
        for ref, blocks in zip(results[plan.states :], ends[plan.states :], strict=True):
            store(ref, blocks, (t,))
        return ends[: plan.states]

    first = [list(load(layout, sources[slot][0], slot.shape).blocks.flat) for slot in carried]
    last = jax.lax.fori_loop(np.int32(0), np.int32(plan.length), step, first)
    for ref, blocks in zip(results, last, strict=False):
        store(ref, blocks)


def load(layout: Layout, ref: Any, shape: tuple[int, ...], time: tuple = ()) -> Any:
    """An array of the step in blocks, or a number."""
    if layout.is_number(shape):
        return ref[time or (0,)]
    grid, block = layout.divide(shape)
    return Rows(boxed([ref[place] for place in places(math.prod(grid), block, time)], grid))


def store(ref: Any, blocks: list[Array], time: tuple = ()) -> None:
    """The blocks of an array to where ``load`` finds them."""
    for place, block in zip(places(len(blocks), blocks[0].shape, time), blocks, strict=True):
        ref[place] = block


def places(count: int, block: tuple[int, ...], time: tuple) -> list[tuple]:
    """Where the blocks of an array lie, side by side."""
    columns = [[slice(k * size, (k + 1) * size) for size in block[1:]] for k in range(count)]
    return [(*time, slice(None), *column) for column in columns]
