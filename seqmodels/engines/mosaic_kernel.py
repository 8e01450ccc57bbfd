"""The kernel of ``mosaic.py``: all that is for Mosaic GPU is here and in ``cluster.py``.

Arrays lie with the batch last, ``[units, rows]``: so the weights are the operand of ``wgmma`` that
must have 64 rows, and a small batch wastes nothing.  All blocks are laid out in registers as
``wgmma`` leaves its sums.  At each step a party copies its share of what is multiplied into the
memory of those who need it.  No barrier is needed: each has two places for it, which take turns,
and whoever has received all of a step knows that everybody has finished the step before.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial, reduce
from inspect import Parameter, signature
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas
from jax.experimental.pallas import mosaic_gpu as gpu

from seqmodels.engines import cluster
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
    parties: dict[str, Any] = {"cluster": (layout.parties,), "cluster_names": ("party",)}
    if settings.interpret:
        parties = {"num_threads": layout.parties, "thread_name": "party"}
    weights = product.weights if settings.interpret else swizzled(product.weights, layout.rows)
    run = gpu.kernel(
        partial(walk, settings, layout, plan, product),
        out_type=plan.results(layout),
        scratch_types=list(memory_of(settings, layout, product)),
        grid=(layout.programs,),
        grid_names=("program",),
        interpret=settings.interpret or False,
        compiler_params=gpu.CompilerParams(approx_math=True),  # 11 bits of mantissa, kernels have 8
        **parties,
    )
    return run(*[s.array for s in plan.sources], weights)


def swizzled(weights: Array, columns: int) -> Array:
    """Each chunk as it lies in shared memory: in tiles, of whose rows 16-byte pieces change places.

    Piece k of row r is where piece ``k ^ (r * pieces // 8)`` would be.
    """
    piece = 16 // weights.dtype.itemsize
    pieces = columns // piece
    tiles = (weights.shape[2] // 8, 8, CHUNK // columns, pieces, piece)
    a = jnp.swapaxes(weights.reshape(*weights.shape[:2], *tiles), 3, 4)
    rows, places = np.arange(8)[:, None], np.arange(pieces)
    a = a[..., rows, places ^ (rows * pieces // 8), :]
    return a.reshape(weights.shape)


SUMS, RESIDENT, STREAM = 2, 3, 4  # signals after those of the operand's two places


class Memory(NamedTuple):
    """What a block has for itself, and the barriers where it meets the others."""

    weights: Any  # [slots, M, CHUNK]
    operand: Any  # [2, K, rows], all of it that a party multiplies
    staged: Any  # [2, blocks, units, rows], its share of the operand
    sums: Any  # [2, split, columns, rows]: those of a team, and those for it
    signals: Any  # barriers of all copies, on a device
    met: Any


def memory_of(settings: Mosaic, layout: Shares, product: Product) -> Memory:
    """What a block allocates.

    The interpreter knows no clusters: there all parties are threads of one block, with memory of
    their own in arrays that they share.
    """
    threads = layout.parties if settings.interpret else 1
    dtype, m = product.weights.dtype, product.columns * product.split
    blocks, tiles = product.rows * product.split // layout.width, tiles_of(layout, product)
    sums = (2, product.split, product.columns if product.split > 1 else 1, layout.rows)
    together = gpu.ClusterBarrier(collective_axes=("party",))
    return Memory(
        gpu.SMEM((threads, product.slots, m, CHUNK), dtype, transforms=tiles),
        gpu.SMEM((threads, 2, product.rows, layout.rows), dtype, transforms=tiles),
        gpu.SMEM((threads, 2, blocks, layout.units, layout.rows), dtype, transforms=tiles),
        gpu.SMEM((threads, *sums), jnp.float32),
        gpu.SMEM((STREAM + product.streams, 2), jnp.uint32),
        gpu.Barrier(num_arrivals=threads) if settings.interpret else together,
    )


def tiles_of(layout: Shares, product: Product) -> tuple:
    """How both operands of ``wgmma`` lie in shared memory."""
    size = layout.rows * product.weights.dtype.itemsize
    return gpu.TilingTransform((8, layout.rows)), gpu.SwizzleTransform(size)


class Party(NamedTuple):
    """Where the kernel runs: one block of a cluster, and all that it reaches."""

    settings: Mosaic
    layout: Shares
    product: Product
    program: Array  # whose rows it has
    number: Array
    thread: Any  # where in ``memory`` its own begins
    weights: Any  # [parties, chunks, M, CHUNK], in global memory
    memory: Memory

    def read(self, source: Source, ref: Any, time: tuple = ()) -> list[Array]:
        """An array of the step in blocks, or a number, as ``given`` takes it."""
        shape = source.slot.shape
        if self.layout.is_number(shape):
            return [ref[time or (0,)]]
        return [self.load(ref.at[place]) for place in self.places(shape, time)]

    def given(self, source: Source, blocks: list[Array]) -> Any:
        """What was read, as an operation takes it."""
        shape = source.slot.shape
        if self.layout.is_number(shape):
            return blocks[0]
        blocks = [a != 0 for a in blocks] if source.flags else blocks
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

    @property
    def local(self) -> bool:
        """Whether all memory is reached as one's own."""
        return bool(self.settings.interpret) or self.layout.parties == 1

    def begin(self) -> None:
        """All that there is to do before the first step."""
        product = self.product
        if not self.settings.interpret:
            blocks = product.rows // self.layout.width
            for number in range(STREAM + product.streams):
                cluster.prepare(self.signal(number), blocks if number < SUMS else 1)
            self.meet()
        for chunk in range(product.resident):
            self.fetch([chunk])
            self.receive(chunk, 0, before=True)
        self.fetch_ahead()
        self.meet()

    def end(self, steps: int) -> None:
        """Wait for what is on its way; nobody leaves before the others."""
        for chunk in self.product.late[: self.product.streams]:
            self.receive(chunk, np.int32(steps))
        self.meet()

    def meet(self) -> None:
        """Wait for all parties."""
        gpu.barrier_arrive(self.memory.met)
        gpu.barrier_wait(self.memory.met)

    def signal(self, number: Any) -> cluster.Address:
        """One of the memory's signals."""
        return cluster.Address(self.memory.signals, number * 8)

    def tiled(self, ref: Any, start: Any) -> cluster.Address:
        """A place in an array that lies as operands do."""
        return cluster.Address(ref, start, tiles_of(self.layout, self.product))

    def fetch_ahead(self) -> None:
        """Fetch the first late chunks of a step: they do not wait for its operand."""
        self.fetch(self.product.late[: self.product.streams])

    def fetch(self, chunks: Sequence[int]) -> None:
        """Begin to copy chunks of the weights to their slots."""
        product, weights = self.product, self.memory.weights
        if self.settings.interpret:
            for chunk in chunks:
                weights[self.thread, product.slot(chunk)] = self.weights[self.number, chunk]
        elif chunks:
            cluster.together()  # all have done with what was there
        for chunk in chunks if not self.settings.interpret else ():
            size = math.prod(product.weights.shape[2:]) * product.weights.dtype.itemsize
            start, slot = (self.number * product.chunks + chunk) * size, product.slot(chunk)
            late = chunk in product.late
            signal = self.signal(STREAM + slot - product.resident if late else RESIDENT)
            source = cluster.Address(self.weights, start, everywhere=True)
            cluster.load(source, self.tiled(weights, slot * size), signal, size)

    def receive(self, chunk: int, i: Any, before: bool = False) -> None:
        """Wait for a chunk of the weights at step ``i``, or before the first."""
        if self.settings.interpret:
            return
        if chunk in self.product.late:
            stream, turn, turns = self.product.turn(chunk)
            cluster.wait(self.signal(STREAM + stream), i * np.int32(turns) + np.int32(turn))
        elif before:
            cluster.wait(self.signal(RESIDENT), np.int32(chunk))

    def multiply(self, blocks: np.ndarray, i: Array, meanwhile: Callable[[], None]) -> np.ndarray:
        """Its columns of a step's product, ``[heads, M]``, from its share of the operand."""
        product, m = self.product, self.product.columns * self.product.split
        operand = self.gather(blocks, i, meanwhile)
        accumulator = gpu.ACC((m, self.layout.rows), jnp.float32)
        heads = [
            pallas.run_scoped(partial(self.accumulate, operand, head, i), accumulator)
            for head in range(product.heads)
        ]
        self.fetch_ahead()
        cut = [(k, k + self.layout.units) for k in range(0, m, self.layout.units)]
        shares = [jax.lax.slice(a, (k, 0), (end, a.shape[1])) for a in heads for k, end in cut]
        return boxed(shares if product.split == 1 else self.add(shares, i), (product.heads, -1))

    def gather(self, blocks: np.ndarray, i: Array, meanwhile: Callable[[], None]) -> Any:
        """All that this party multiplies, from the shares of those who have it.

        On a device shares are handed out, and something else is done until all are there.
        """
        product, memory, place = self.product, self.memory, jax.lax.rem(i, np.int32(2))
        shares = [a.astype(product.weights.dtype) for a in blocks.flat]
        each, units = len(shares) // product.split, self.layout.units
        starts = [k * self.layout.width + self.number * units for k in range(each)]
        if self.local:
            for k, a in enumerate(shares):
                for peer in range(k // each, self.layout.parties, product.split):
                    part = pallas.ds(starts[k % each], units)
                    memory.operand[peer, place, part] = a
            meanwhile()
            gpu.commit_smem()
            if self.layout.parties > 1:
                self.meet()
            return memory.operand.at[self.thread, place]
        for k, a in enumerate(shares):
            memory.staged[0, place, k] = a
        gpu.commit_smem()
        row = self.layout.rows * product.weights.dtype.itemsize
        size, signal = units * row, self.signal(place)
        for k, start in enumerate(starts):
            source = self.tiled(memory.staged, (place * len(shares) + k) * size)
            sources = cluster.Sources(source, each * size, product.split)
            target = self.tiled(memory.operand, (place * product.rows + start) * row)
            peers = cluster.Peers(0, self.layout.parties)
            cluster.exchange(sources, target, signal, size, peers)
        meanwhile()
        cluster.wait(signal, jax.lax.div(i, np.int32(2)))
        return memory.operand.at[0, place]

    def accumulate(self, operand: Any, head: int, i: Array, accumulator: Any) -> Array:
        """A head's product; chunks that were fetched ahead go first, so that others may follow."""
        product, memory = self.product, self.memory
        each = product.chunks // product.heads
        order = [*range(head * each, (head + 1) * each)]
        if product.heads == 1:
            ahead = product.late[: product.streams]
            order = [*ahead, *range(product.resident), *product.late[product.streams :]]
        for done, chunk in zip([-1, *order], order, strict=False):
            self.receive(chunk, i)
            part = operand.at[pallas.ds(chunk * CHUNK, CHUNK)]
            gpu.wgmma(accumulator, memory.weights.at[self.thread, product.slot(chunk)], part)
            if done in product.followed:
                gpu.wgmma_wait(1)
                self.fetch([done + product.streams])
        found = accumulator[...]
        if order[-1] in product.followed:
            self.fetch([order[-1] + product.streams])
        return found

    def add(self, shares: list[Array], i: Array) -> list[Array]:
        """The sums of a team for this party's columns."""
        product, memory, units = self.product, self.memory, self.layout.units
        mine = jax.lax.rem(self.number, np.int32(product.split))
        first, each = self.number - mine, len(shares) // product.split
        for k, a in enumerate(shares):
            part = pallas.ds(k % each * units, units)
            if self.settings.interpret:
                memory.sums[first + k // each, 1, mine, part] = a
            else:
                memory.sums[0, 0, k // each, part] = a
        gpu.commit_smem()
        if self.settings.interpret:
            self.meet()
        else:
            size, signal = product.columns * self.layout.rows * 4, self.signal(SUMS)
            sources = cluster.Sources(cluster.Address(memory.sums), size, product.split)
            target = cluster.Address(memory.sums, (product.split + mine) * size)
            peers = cluster.Peers(first, product.split)
            cluster.exchange(sources, target, signal, size, peers)
            cluster.wait(signal, i)
        found = memory.sums.at[self.thread, 1]
        parts = [pallas.ds(k * units, units) for k in range(each)]
        found_of = [[self.load(found.at[k, part]) for k in range(product.split)] for part in parts]
        return [reduce(jax.lax.add, shares) for shares in found_of]


def walk(settings: Mosaic, layout: Shares, plan: Plan, product: Product, *refs: Any) -> None:
    """The kernel: all steps of one party of a cluster."""
    inputs, outputs = len(plan.sources), len(plan.sources) + 1 + len(plan.types)
    me = arrive(settings, layout, product, refs[inputs], Memory(*refs[outputs:]))
    sources = list(zip(plan.sources, refs[:inputs], strict=True))
    results = refs[inputs + 1 : outputs]
    timed = [(s, ref) for s, ref in sources if s.timed]
    fixed = {s.slot: me.given(s, me.read(s, ref)) for s, ref in sources if not s.timed}
    carried = [s.slot for s in plan.sources[: plan.states]]
    me.begin()

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


def arrive(
    settings: Mosaic, layout: Shares, product: Product, weights: Any, memory: Memory
) -> Party:
    """Where this instance of the kernel finds itself."""
    program, number = jax.lax.axis_index("program"), jax.lax.axis_index("party")
    thread = number if settings.interpret else 0
    return Party(settings, layout, product, program, number, thread, weights, memory)


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
