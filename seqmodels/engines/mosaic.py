"""The whole recurrence in one launch on Hopper, its units shared out over a cluster of blocks.

The engine is ``fused`` with another loop, as ``pallas`` is, and ``update`` is traced into it in the
same way (``blocks.py``).  But here a cluster of thread blocks has ``rows`` of the batch, and each
block has its share of the units: all their gates, so that ``update`` needs nobody else.  A block
keeps its columns of the recurrent kernel in shared memory, and streams those that do not fit from
L2.  At each step it writes its share of what is multiplied to global memory, meets the others at
a barrier, and reads the whole of it.

Arrays lie with the batch last, ``[units, rows]``: so the weights are the operand of ``wgmma`` that
must have 64 rows, and a small batch wastes nothing.  All that is Mosaic GPU's is in this file.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.engines.blocks import RULES, Factor, Rows, boxed, contract, elementwise, replay
from seqmodels.engines.cudnn import on_nvidia
from seqmodels.engines.fused import solve
from seqmodels.engines.layout import Layout, refused
from seqmodels.engines.pallas import Plan, Source, in_one_launch, kernel_of
from seqmodels.engines.problem import Problem
from seqmodels.engines.tape import Equation, Matrix, Slot, Tape
from seqmodels.types import Array, Carry

UNITS = 64  # rows of a matmul of wgmma's
CHUNK = 64  # columns of the weights that are copied and multiplied at a time
NEEDED = ("kernel", "ClusterBarrier", "wgmma", "copy_gmem_to_smem", "copy_smem_to_gmem", "load")

# Those of the operations in blocks that Mosaic cannot lower.
UNKNOWN = """
    add_any ceil copy erf_inv expm1 floor is_finite log1p pow reduce_sum sqrt stop_gradient tan
"""
OTHERWISE: dict[str, Callable] = {"add_any": jax.lax.add, "log1p": lambda x: jax.lax.log(1.0 + x)}


class Mosaic(NamedTuple):
    """Takes structured cells with 16-bit kernels and sizes that are multiples of 64, on Hopper.

    A cluster has ``rows`` of the batch (16, 32 or 64) and at most ``blocks`` thread blocks, each of
    which may use ``memory`` bytes.  ``interpret`` takes the parameters of Pallas' GPU interpreter.
    """

    rows: int = 16
    blocks: int = 16
    memory: int = 224 * 1024
    interpret: Any = None

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        if not math.prod(problem.batch_shape):
            return solve(problem, problem.length)
        width = width_of(problem)
        shares = [k for k in range(1, self.blocks + 1) if width // UNITS % k == 0]
        layout = Shares(problem.batch_shape, self.rows, width, shares[-1])
        run = partial(in_one_launch, layout, partial(launch, self, layout))
        return solve(problem, problem.length, run)

    def refusal(self, problem: Problem) -> str | None:
        """Why it cannot run a problem; ``None`` where it can."""
        if self.rows not in (16, 32, 64) or self.blocks not in range(1, 17):
            return "needs rows=16, 32 or 64, and blocks from 1 to 16"
        if width_of(problem) % UNITS:
            return f"needs hidden sizes that are multiples of {UNITS}"
        if not has_mosaic():
            return f"does not know Mosaic GPU as it is in JAX {jax.__version__}"
        if self.interpret:
            return None
        if kernel_of(problem).dtype.itemsize != 2:
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
    return all(hasattr(mosaic_gpu, name) for name in NEEDED)


def on_hopper() -> bool:
    """Whether the default device has wgmma, which later ones have not."""
    return on_nvidia() and jax.devices()[0].compute_capability == "9.0"


def width_of(problem: Problem) -> int:
    """The largest number of units that divides every size."""
    sizes = [a.shape[-1] for a in jax.tree.leaves(problem.carry)]
    return math.gcd(*sizes, *kernel_of(problem).shape[-2:])


@dataclass(frozen=True)
class Shares(Layout):
    """Of every ``width`` features each of ``parties`` has a block, ``[units, rows]``.

    What has a number for each row is repeated over the units.
    """

    parties: int = 1

    @property
    def units(self) -> int:
        """Of a share."""
        return self.width // self.parties

    def block(self, *columns: int) -> tuple[int, ...]:
        """All blocks are alike."""
        return self.units, self.rows

    def repeated(self, shape: tuple[int, ...]) -> bool:
        """Whether there is no unit in a step's array, but numbers for each row."""
        return len(shape) == len(self.batch) or shape[-1] == 1

    def pack(self, a: Array, time: int = 0) -> Array:
        """``[T, *B, *N, L]`` as ``[T, programs, N*L, rows]``; a number as ``[1]``."""
        shape = a.shape[time:]
        a = super().pack(a.astype(jnp.float32) if a.dtype == bool else a, time)
        if self.is_number(shape):
            return a
        a = a.reshape(*a.shape[:time], self.programs, self.rows, -1)
        a = jnp.repeat(a, self.units, axis=-1) if self.repeated(shape) else a
        return jnp.swapaxes(a, -1, -2)

    def packed(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """What ``pack`` makes of the shape of a step's array."""
        size = math.prod(shape[len(self.batch) :]) * (self.units if self.repeated(shape) else 1)
        return self.programs, size, self.rows

    def unpack(self, a: Array, end: jax.ShapeDtypeStruct) -> Array:
        """Back from ``pack``, to ``end``'s shape or that with time before it."""
        a = jnp.swapaxes(a[..., :: self.units, :] if self.repeated(end.shape) else a, -1, -2)
        a = a.reshape(*a.shape[:-3], -1, *self.features(end.shape))
        return super().unpack(a, end)

    def starts(self, shape: tuple[int, ...], party: Any) -> list[Any]:
        """Where the blocks of a party begin in what ``pack`` gives."""
        count = math.prod(self.divide(shape)[0])
        if self.repeated(shape):
            return [k * self.units for k in range(count)]
        return [k * self.width + party * self.units for k in range(count)]


class Product(NamedTuple):
    """The matmul of a step: all of the left operand by each party's columns of the kernel."""

    weights: Array  # [parties, heads * K / CHUNK, M, CHUNK]
    heads: int
    resident: int  # chunks that stay in shared memory; two slots are for the others

    @property
    def chunks(self) -> int:
        """Of all heads."""
        return self.weights.shape[1]

    @property
    def slots(self) -> int:
        """Places for chunks in shared memory."""
        return min(self.chunks, self.resident + 2)


def product_of(settings: Mosaic, layout: Shares, tape: Tape) -> Product:
    """The one matmul of a step, its weights cut into shares and chunks."""
    matmuls = [eqn for eqn in tape.equations if eqn.primitive.name == "dot_general"]
    if len(matmuls) != 1 or not any(isinstance(x, Matrix) for x in matmuls[0].inputs):
        raise refused("one matmul with a constant in each step, no more")
    inputs, dims = matmuls[0].inputs, matmuls[0].params["dimension_numbers"]
    side = next(k for k, x in enumerate(inputs) if isinstance(x, Matrix))
    matrix = tape.matrices[inputs[side].place]
    if dims[0][side] == (matrix.ndim - 1,):
        matrix = jnp.swapaxes(matrix, -1, -2)
    heads, rows, columns = matrix.shape if matrix.ndim == 3 else (1, *matrix.shape)
    if rows % layout.width or columns % layout.width:
        raise refused(f"a matmul of {rows} by {columns} in shares of {layout.width}")
    a = matrix.reshape(heads, rows // CHUNK, CHUNK, -1, layout.parties, layout.units)
    a = jnp.transpose(a, (4, 0, 1, 3, 5, 2))
    a = a.reshape(layout.parties, heads * rows // CHUNK, columns // layout.parties, CHUNK)

    chunk, element = math.prod(a.shape[2:]) * a.dtype.itemsize, a.dtype.itemsize * layout.rows
    operand = heads * rows * element
    fit = (settings.memory - operand - operand // layout.parties) // chunk
    if fit < min(3, a.shape[1]):
        raise refused(f"{operand} bytes of shared memory for the operand of its matmul")
    return Product(a, heads, a.shape[1] if fit >= a.shape[1] else fit - 2)


def launch(settings: Mosaic, layout: Shares, plan: Plan) -> Sequence[Array]:
    """The one kernel launch: the last carry, and the outputs of every step."""
    from jax.experimental.pallas import mosaic_gpu as gpu

    product = product_of(settings, layout, plan.tape)
    dtype, (_, chunks, columns, _) = product.weights.dtype, product.weights.shape
    operand = (chunks * CHUNK, layout.rows)
    exchange = jax.ShapeDtypeStruct((layout.programs, 2, *operand), dtype)
    # The interpreter knows no clusters: there all are threads of one block, with memory of their
    # own in arrays that they share.
    threads = layout.parties if settings.interpret else 1
    swizzled = {
        "transforms": (
            gpu.TilingTransform((8, layout.rows)),
            gpu.SwizzleTransform(layout.rows * dtype.itemsize),
        )
    }
    memory = Memory(
        weights=gpu.SMEM((threads, product.slots, columns, CHUNK), dtype, **swizzled),
        operand=gpu.SMEM((threads, *operand), dtype, **swizzled),
        staged=gpu.SMEM((threads, operand[0] // layout.width, layout.units, layout.rows), dtype),
        arrived=gpu.Barrier(num_barriers=3 * threads),
        met=gpu.Barrier(num_arrivals=threads)
        if settings.interpret
        else gpu.ClusterBarrier(collective_axes=("party",)),
    )
    parties: dict[str, Any] = {"cluster": (layout.parties,), "cluster_names": ("party",)}
    if settings.interpret:
        parties = {"num_threads": threads, "thread_name": "party"}
    run = gpu.kernel(
        partial(walk, settings, layout, plan, product),
        out_type=[*plan.results(layout), exchange],
        scratch_types=list(memory),
        grid=(layout.programs,),
        grid_names=("program",),
        interpret=settings.interpret or False,
        **parties,
    )
    return run(*[s.array for s in plan.sources], product.weights)[:-1]


class Memory(NamedTuple):
    """What a block has for itself, and the barrier where it meets the others."""

    weights: Any  # [slots, M, CHUNK]
    operand: Any  # [heads * K, rows], all of it
    staged: Any  # [blocks, units, rows], its share of the operand
    arrived: Any  # barriers of copies: of two slots for weights, of the operand
    met: Any


class Block(NamedTuple):
    """Where the kernel runs: a party of one program, and all that it reaches."""

    settings: Mosaic
    layout: Shares
    product: Product
    program: Array
    party: Array
    weights: Any  # of all parties, in global memory
    exchange: Any  # [2, heads * K, rows], where the program's parties put their shares
    memory: Memory

    def read(self, source: Source, ref: Any, time: tuple = ()) -> Any:
        """An array of the step in blocks, or a number."""
        shape = source.slot.shape
        if self.layout.is_number(shape):
            return ref[time or (0,)]
        blocks = [self.load(ref, place) for place in self.places(shape, time)]
        if source.flags:
            blocks = [a != 0 for a in blocks]
        return Rows(boxed(blocks, self.layout.divide(shape)[0]))

    def write(
        self, ref: Any, blocks: list[Array], shape: tuple[int, ...], time: tuple = ()
    ) -> None:
        """The blocks of an array to where ``read`` finds them."""
        for place, a in zip(self.places(shape, time), blocks, strict=True):
            ref[place] = a

    def places(self, shape: tuple[int, ...], time: tuple) -> list[tuple]:
        """Where its blocks of an array lie in global memory."""
        from jax.experimental import pallas

        starts = self.layout.starts(shape, self.party)
        return [(*time, self.program, pallas.ds(k, self.layout.units), slice(None)) for k in starts]

    def load(self, ref: Any, place: tuple) -> Array:
        """A block from global memory, laid out as wgmma leaves its results."""
        from jax.experimental.pallas import mosaic_gpu as gpu

        if self.settings.interpret:
            return ref[place]
        return gpu.load(ref, place, layout=gpu.Layout.WGMMA, optimized=False)

    def settle(self, a: Array) -> Array:
        """The same block, laid out like all that a loop carries."""
        from jax.experimental.pallas import mosaic_gpu as gpu

        return a if self.settings.interpret else gpu.layout_cast(a, gpu.Layout.WGMMA)

    def slot(self, chunk: int) -> tuple[int, Any]:
        """Where a chunk of the weights has its place, and the barrier of its copy."""
        late = max(chunk - self.product.resident, 0) % 2
        return min(chunk, self.product.resident) + late, self.memory.arrived[late]

    def fetch(self, chunk: int) -> None:
        """Begin to copy a chunk of the weights."""
        from jax.experimental.pallas import mosaic_gpu as gpu

        slot, barrier = self.slot(chunk)
        gpu.copy_gmem_to_smem(self.weights.at[chunk], self.memory.weights.at[slot], barrier)

    def receive(self, chunk: int) -> None:
        """Wait for a chunk of the weights."""
        from jax.experimental.pallas import mosaic_gpu as gpu

        gpu.barrier_wait(self.slot(chunk)[1])

    def multiply(self, blocks: np.ndarray, i: Array) -> np.ndarray:
        """Its columns of a step's product, ``[heads, M]``, from its share of the operand."""
        from jax.experimental import pallas
        from jax.experimental.pallas import mosaic_gpu as gpu

        for chunk in range(self.product.resident, self.product.slots):
            self.fetch(chunk)
        self.gather(blocks, i)
        m, units = self.product.weights.shape[2], self.layout.units
        accumulator = gpu.ACC((m, self.layout.rows), jnp.float32)
        heads = [
            pallas.run_scoped(partial(self.accumulate, head), accumulator)
            for head in range(self.product.heads)
        ]
        shares = [jax.lax.slice_in_dim(a, k, k + units) for a in heads for k in range(0, m, units)]
        return boxed(shares, (len(heads), -1))

    def gather(self, blocks: np.ndarray, i: Array) -> None:
        """The whole operand into the block's memory, from the shares of all parties.

        Two places in global memory take turns: whoever has passed the barrier of the next step
        knows that all have read this one's.
        """
        from jax.experimental import pallas
        from jax.experimental.pallas import mosaic_gpu as gpu

        memory, exchange = self.memory, self.exchange.at[jax.lax.rem(i, np.int32(2))]
        for k, a in enumerate(blocks.flat):
            memory.staged[k] = a.astype(self.product.weights.dtype)
        gpu.commit_smem()
        for k in range(blocks.size):
            start = k * self.layout.width + self.party * self.layout.units
            place = exchange.at[pallas.ds(start, self.layout.units)]
            gpu.copy_smem_to_gmem(memory.staged.at[k], place)
        gpu.wait_smem_to_gmem(0)
        gpu.barrier_arrive(memory.met)
        gpu.barrier_wait(memory.met)
        gpu.copy_gmem_to_smem(exchange, memory.operand, memory.arrived[2])
        gpu.barrier_wait(memory.arrived[2])

    def accumulate(self, head: int, accumulator: Any) -> Array:
        """A head's product; chunks of the weights that have no place follow each other."""
        from jax.experimental import pallas
        from jax.experimental.pallas import mosaic_gpu as gpu

        product, memory = self.product, self.memory
        each = product.chunks // product.heads
        for chunk in range(head * each, (head + 1) * each):
            late = chunk >= product.resident
            if late:
                self.receive(chunk)
            operand = memory.operand.at[pallas.ds(chunk * CHUNK, CHUNK)]
            gpu.wgmma(accumulator, memory.weights.at[self.slot(chunk)[0]], operand)
            if late and chunk + 2 < product.chunks:
                gpu.wgmma_wait(0)
                self.fetch(chunk + 2)
        return accumulator[...]


def walk(settings: Mosaic, layout: Shares, plan: Plan, product: Product, *refs: Any) -> None:
    """The kernel: all steps of one party of a cluster."""
    inputs, outputs = len(plan.sources), len(plan.sources) + 1 + len(plan.types)
    block = arrive(settings, layout, product, refs[inputs], refs[outputs], refs[outputs + 1 :])
    sources = list(zip(plan.sources, refs[:inputs], strict=True))
    results = refs[inputs + 1 : outputs]
    fixed = {s.slot: block.read(s, ref) for s, ref in sources if not s.timed}
    carried = [s.slot for s in plan.sources[: plan.states]]
    for chunk in range(product.resident):
        block.fetch(chunk)
        block.receive(chunk)

    def step(i: Array, state: list[list[Array]]) -> list[list[Array]]:
        t = plan.length - 1 - i if plan.reverse else i
        now = dict(zip(carried, state, strict=True))
        timed = {s.slot: block.read(s, ref, (t,)) for s, ref in sources if s.timed}

        def read(operand: Slot | Matrix) -> Any:
            if isinstance(operand, Matrix):
                return Factor(None, operand.shape)
            if operand in now:
                return Rows(boxed(now[operand], layout.divide(operand.shape)[0]))
            return timed[operand] if operand in timed else fixed[operand]

        value = replay(plan.tape, layout, read, rules(block, i))
        ends = [list(value(end).blocks.flat) for end in plan.ends]
        late = list(zip(plan.types, results, ends, strict=True))[plan.states :]
        for end, ref, blocks in late:
            block.write(ref, blocks, end.shape, (t,))
        return [[block.settle(a) for a in blocks] for blocks in ends[: plan.states]]

    first = [list(fixed[slot].blocks.flat) for slot in carried]
    last = jax.lax.fori_loop(np.int32(0), np.int32(plan.length), step, first)
    for end, ref, blocks in zip(plan.types, results, last, strict=False):
        block.write(ref, blocks, end.shape)


def arrive(
    settings: Mosaic, layout: Shares, product: Product, weights: Any, exchange: Any, scratch: Any
) -> Block:
    """Where this instance of the kernel finds itself."""
    program, party = jax.lax.axis_index("program"), jax.lax.axis_index("party")
    thread = party if settings.interpret else 0
    *own, arrived, met = scratch
    barriers = [arrived.at[3 * thread + k] for k in range(3)]
    memory = Memory(*[ref.at[thread] for ref in own], barriers, met)
    places = weights.at[party], exchange.at[program]
    return Block(settings, layout, product, program, party, *places, memory)


def rules(block: Block, i: Array) -> dict[str, Callable[..., Any]]:
    """What replaces the operations of a step."""

    def dot(layout: Shares, eqn: Equation, left: Any, right: Any) -> Rows:
        return contract(layout, eqn, left, right, lambda blocks, *_: block.multiply(blocks, i))

    def instead(function: Callable) -> Callable:
        def rule(layout: Shares, eqn: Equation, x: Any, *rest: Any) -> Any:
            primitive = SimpleNamespace(bind=lambda *operands, **_: function(*operands))
            return elementwise(layout, eqn._replace(primitive=primitive), x, *rest)

        return rule

    known = {name: rule for name, rule in RULES.items() if name not in UNKNOWN.split()}
    return known | {name: instead(f) for name, f in OTHERWISE.items()} | {"dot_general": dot}
