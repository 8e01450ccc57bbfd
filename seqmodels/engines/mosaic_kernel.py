"""The kernel of ``mosaic.py``, and all that is written for Mosaic GPU, which changes weekly.

Arrays lie with the batch last, ``[units, rows]``: so the weights are the operand of ``wgmma`` that
must have 64 rows, and a small batch wastes nothing.  All blocks are laid out in registers as
``wgmma`` leaves its sums.  At each step a party writes its share of what is multiplied to global
memory, meets the others at a barrier of the cluster, and reads the whole of it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from inspect import Parameter, signature
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas
from jax.experimental.pallas import mosaic_gpu as gpu

from seqmodels.engines.blocks import RULES, Factor, Rows, boxed, contract, elementwise, replay
from seqmodels.engines.mosaic import CHUNK, Mosaic, Product, Shares, product_of
from seqmodels.engines.pallas import Plan, Source
from seqmodels.engines.tape import Equation, Matrix, Slot
from seqmodels.types import Array

# Those of the operations in blocks that Mosaic cannot lower, and what stands for two of them.
UNKNOWN = """
    add_any ceil copy erf_inv expm1 floor is_finite log1p pow reduce_sum sqrt stop_gradient tan
"""
OTHERWISE: dict[str, Callable] = {
    "add_any": jax.lax.add,
    "log1p": lambda x: jax.lax.log(1.0 + x),  # exact to 1e-7, if not to as many digits
}

# JAX 0.10 must have an index beside the reference that is read, 0.11 must not.
INDEX = signature(gpu.load).parameters.get("idx")
NO_INDEX = (None,) if INDEX and INDEX.default is Parameter.empty else ()


def launch(settings: Mosaic, layout: Shares, plan: Plan) -> Sequence[Array]:
    """The one kernel launch: the last carry, and the outputs of every step."""
    product = product_of(settings, layout, plan.tape)
    operand = (layout.programs, 2, product.chunks * CHUNK, layout.rows)
    exchange = jax.ShapeDtypeStruct(operand, product.weights.dtype)
    parties: dict[str, Any] = {"cluster": (layout.parties,), "cluster_names": ("party",)}
    if settings.interpret:
        parties = {"num_threads": layout.parties, "thread_name": "party"}
    run = gpu.kernel(
        partial(walk, settings, layout, plan, product),
        out_type=[*plan.results(layout), exchange],
        scratch_types=list(memory_of(settings, layout, product)),
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
    streamed: Any  # barriers of the last two slots' copies
    gathered: Any  # barrier of the operand's copies
    met: Any


def memory_of(settings: Mosaic, layout: Shares, product: Product) -> Memory:
    """What a block allocates.

    The interpreter knows no clusters: there all parties are threads of one block, with memory of
    their own in arrays that they share.
    """
    threads = layout.parties if settings.interpret else 1
    dtype, columns = product.weights.dtype, product.weights.shape[2]
    size = product.chunks * CHUNK
    blocks = size // layout.width
    tiles = gpu.TilingTransform((8, layout.rows))
    transforms = (tiles, gpu.SwizzleTransform(layout.rows * dtype.itemsize))
    together = gpu.ClusterBarrier(collective_axes=("party",))
    return Memory(
        gpu.SMEM((threads, product.slots, columns, CHUNK), dtype, transforms=transforms),
        gpu.SMEM((threads, size, layout.rows), dtype, transforms=transforms),
        gpu.SMEM((threads, blocks, layout.units, layout.rows), dtype),
        gpu.Barrier(num_barriers=2 * threads),
        gpu.Barrier(num_arrivals=blocks, num_barriers=threads),
        gpu.Barrier(num_arrivals=threads) if settings.interpret else together,
    )


class Party(NamedTuple):
    """Where the kernel runs: one block of a cluster, and all that it reaches."""

    settings: Mosaic
    layout: Shares
    product: Product
    program: Array  # whose rows it has
    number: Array
    weights: Any  # its own, in global memory
    exchange: Any  # [2, heads * K, rows], where the program's parties put their shares
    memory: Memory

    def read(self, source: Source, ref: Any, time: tuple = ()) -> Any:
        """An array of the step in blocks, or a number."""
        shape = source.slot.shape
        if self.layout.is_number(shape):
            return ref[time or (0,)]
        blocks = [self.load(ref.at[place]) for place in self.places(shape, time)]
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
        starts = self.layout.starts(shape, self.number)
        return [(*time, self.program, pallas.ds(k, self.layout.units), slice(None)) for k in starts]

    def load(self, ref: Any) -> Array:
        """A block from global memory, laid out as wgmma leaves its sums."""
        if self.settings.interpret:
            return ref[...]
        return gpu.load(ref, *NO_INDEX, layout=gpu.Layout.WGMMA, optimized=False)

    def settle(self, a: Array) -> Array:
        """The same block, laid out like all that a loop carries."""
        return a if self.settings.interpret else gpu.layout_cast(a, gpu.Layout.WGMMA)

    def slot(self, chunk: int) -> tuple[int, Any]:
        """Where a chunk of the weights has its place, and the barrier of its copy."""
        late = max(chunk - self.product.resident, 0) % 2
        return min(chunk, self.product.resident) + late, self.memory.streamed[late]

    def fetch(self, chunk: int) -> None:
        """Begin to copy a chunk of the weights."""
        slot, barrier = self.slot(chunk)
        gpu.copy_gmem_to_smem(self.weights.at[chunk], self.memory.weights.at[slot], barrier)

    def receive(self, chunk: int) -> None:
        """Wait for a chunk of the weights."""
        gpu.barrier_wait(self.slot(chunk)[1])

    def multiply(self, blocks: np.ndarray, i: Array) -> np.ndarray:
        """Its columns of a step's product, ``[heads, M]``, from its share of the operand."""
        for chunk in range(self.product.resident, self.product.slots):
            self.fetch(chunk)
        self.gather(blocks, i)
        m, units = self.product.weights.shape[2], self.layout.units
        accumulator = gpu.ACC((m, self.layout.rows), jnp.float32)
        heads = [
            pallas.run_scoped(partial(self.accumulate, head), accumulator)
            for head in range(self.product.heads)
        ]
        cut = [(k, k + units) for k in range(0, m, units)]
        shares = [jax.lax.slice(a, (k, 0), (end, a.shape[1])) for a in heads for k, end in cut]
        return boxed(shares, (len(heads), -1))

    def gather(self, blocks: np.ndarray, i: Array) -> None:
        """The whole operand into the block's memory, from the shares of all parties.

        Two places in global memory take turns: whoever has passed the barrier of the next step
        knows that all have read this one's.
        """
        memory, exchange = self.memory, self.exchange.at[jax.lax.rem(i, np.int32(2))]
        for k, a in enumerate(blocks.flat):
            memory.staged[k] = a.astype(self.product.weights.dtype)
        gpu.commit_smem()
        for k in range(blocks.size):
            start = k * self.layout.width + self.number * self.layout.units
            place = exchange.at[pallas.ds(start, self.layout.units)]
            gpu.copy_smem_to_gmem(memory.staged.at[k], place)
        gpu.wait_smem_to_gmem(0)
        gpu.barrier_arrive(memory.met)
        gpu.barrier_wait(memory.met)
        for k in range(blocks.size):
            part = pallas.ds(k * self.layout.width, self.layout.width)
            gpu.copy_gmem_to_smem(exchange.at[part], memory.operand.at[part], memory.gathered)
        gpu.barrier_wait(memory.gathered)

    def accumulate(self, head: int, accumulator: Any) -> Array:
        """A head's product; chunks of the weights that have no place follow each other."""
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
    me = arrive(settings, layout, product, refs[inputs], refs[outputs], refs[outputs + 1 :])
    sources = list(zip(plan.sources, refs[:inputs], strict=True))
    results = refs[inputs + 1 : outputs]
    fixed = {s.slot: me.read(s, ref) for s, ref in sources if not s.timed}
    carried = [s.slot for s in plan.sources[: plan.states]]
    for chunk in range(product.resident):
        me.fetch(chunk)
        me.receive(chunk)

    def step(i: Array, state: list[list[Array]]) -> list[list[Array]]:
        t = plan.length - 1 - i if plan.reverse else i
        now = dict(zip(carried, state, strict=True))
        timed = {s.slot: me.read(s, ref, (t,)) for s, ref in sources if s.timed}

        def read(operand: Slot | Matrix) -> Any:
            if isinstance(operand, Matrix):
                return Factor(None, operand.shape)
            if operand in now:
                return Rows(boxed(now[operand], layout.divide(operand.shape)[0]))
            return timed[operand] if operand in timed else fixed[operand]

        value = replay(plan.tape, layout, read, rules(me, i))
        ends = [list(value(end).blocks.flat) for end in plan.ends]
        late = list(zip(plan.types, results, ends, strict=True))[plan.states :]
        for end, ref, blocks in late:
            me.write(ref, blocks, end.shape, (t,))
        return [[me.settle(a) for a in blocks] for blocks in ends[: plan.states]]

    first = [list(fixed[slot].blocks.flat) for slot in carried]
    last = jax.lax.fori_loop(np.int32(0), np.int32(plan.length), step, first)
    for end, ref, blocks in zip(plan.types, results, last, strict=False):
        me.write(ref, blocks, end.shape)


def arrive(
    settings: Mosaic, layout: Shares, product: Product, weights: Any, exchange: Any, scratch: Any
) -> Party:
    """Where this instance of the kernel finds itself."""
    program, number = jax.lax.axis_index("program"), jax.lax.axis_index("party")
    thread = number if settings.interpret else 0
    mine = Memory(*scratch)
    memory = Memory(
        weights=mine.weights.at[thread],
        operand=mine.operand.at[thread],
        staged=mine.staged.at[thread],
        streamed=[mine.streamed.at[2 * thread + k] for k in range(2)],
        gathered=mine.gathered.at[thread],
        met=mine.met,
    )
    places = weights.at[number], exchange.at[program]
    return Party(settings, layout, product, program, number, *places, memory)


def rules(party: Party, i: Array) -> dict[str, Callable[..., Any]]:
    """What replaces the operations of a step."""

    def dot(layout: Shares, eqn: Equation, left: Any, right: Any) -> Rows:
        return contract(layout, eqn, left, right, lambda blocks, *_: party.multiply(blocks, i))

    def instead(function: Callable) -> Callable:
        def rule(layout: Shares, eqn: Equation, x: Any, *rest: Any) -> Any:
            primitive = SimpleNamespace(bind=lambda *operands, **_: function(*operands))
            return elementwise(layout, eqn._replace(primitive=primitive), x, *rest)

        return rule

    known = {name: rule for name, rule in RULES.items() if name not in UNKNOWN.split()}
    return known | {name: instead(f) for name, f in OTHERWISE.items()} | {"dot_general": dot}
