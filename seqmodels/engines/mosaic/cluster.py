"""Copies into shared memory, also that of a cluster's other blocks, in PTX: Pallas has no words.

A signal is a barrier in shared memory: it completes a phase once its block has begun all copies of
the phase, and the bytes that these bring have arrived.  What is copied lies in one piece.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.experimental.mosaic import gpu as mosaic
from jax.experimental.pallas import mosaic_gpu as gpu
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import llvm

THREAD = ".reg .pred p; .reg .b32 t; mov.u32 t, %tid.x; "
THREAD_OF_GROUP = THREAD + "and.b32 t, t, 127; "
FIRST = "setp.eq.u32 p, t, 0; "


class Address(NamedTuple):
    """A place in an array: in this block's shared memory, or in global memory."""

    ref: Any
    start: Any = 0  # bytes from its beginning
    transforms: tuple = ()
    everywhere: bool = False

    def after(self, bytes_: Any) -> "Address":
        """So many bytes behind it."""
        return self._replace(start=self.start + bytes_)


def emit(text: str, *operands: Address | Any) -> None:
    """PTX in which ``$0`` and so on are addresses and numbers."""
    flat: list[tuple[Any, Any]] = []
    for operand in operands:
        address = operand if isinstance(operand, Address) else Address(None, operand)
        if address.ref is not None:
            flat.append((gpu.RefType(address.transforms), address.ref))
        flat.append((gpu.Layout.WG_SPLAT, jnp.asarray(address.start, jnp.int32)))

    @gpu.inline_mgpu(arg_types=tuple(kind for kind, _ in flat))
    def body(_: Any, *arguments: Any) -> None:
        left, registers, constraints = list(arguments), [], []
        for operand in operands:
            wide = isinstance(operand, Address) and operand.everywhere
            kind = ir.IntegerType.get_signless(64 if wide else 32)
            base = isinstance(operand, Address) and mosaic.utils.memref_ptr(left.pop(0))
            number = left.pop(0).registers.item()
            number = llvm.zext(kind, number) if wide else number
            registers.append(llvm.add(llvm.ptrtoint(kind, base), number, 0) if base else number)
            constraints.append("l" if wide else "r")
        void = ir.Type.parse("!llvm.void")
        code, marks = "{ " + text + " }", ",".join(constraints)
        llvm.inline_asm(void, registers, code, marks, has_side_effects=True)

    body(*(value for _, value in flat))


def prepare(signal: Address, *, each_group: bool = False) -> None:
    """Make a signal of the block, or of each group; blocks must meet before any is used."""
    emit(
        (THREAD_OF_GROUP if each_group else THREAD)
        + FIRST
        + "@p mbarrier.init.shared::cta.b64 [$0], 1; @p fence.mbarrier_init.release.cluster;",
        signal,
    )


def expect(signal: Address, size: int, *, each_group: bool = False) -> None:
    """Let a signal's phase last until so many bytes have arrived."""
    emit(
        (THREAD_OF_GROUP if each_group else THREAD)
        + FIRST
        + f"@p mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], {size};",
        signal,
    )


def wait(signal: Address, phase: Any) -> None:
    """Until the signal's phase with this number is complete."""
    again = "again: mbarrier.try_wait.parity.shared::cta.b64 p, [$0], t; @p bra done; bra again;"
    emit(f".reg .pred p; .reg .b32 t; and.b32 t, $1, 1; {again} done:", signal, phase)


def load(source: Address, target: Address, signal: Address, size: int) -> None:
    """Copy bytes from global memory."""
    emit(
        THREAD_OF_GROUP + FIRST + f"@p mbarrier.arrive.expect_tx.shared::cta.b64 _, [$2], {size};"
        "@p cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes"
        f" [$1], [$0], {size}, [$2];",
        source,
        target,
        signal,
    )


class Peers(NamedTuple):
    """Blocks of the cluster that follow each other."""

    first: Any
    total: int


class Sources(NamedTuple):
    """Where the bytes for peers are: so far from one to the next, and after some all over again."""

    first: Address
    stride: int
    period: int


def exchange(sources: Sources, target: Address, signal: Address, size: int, peers: Peers) -> None:
    """Send bytes to peers; a thread serves each.

    They go where ``target`` and ``signal`` are in our memory.
    """
    emit(
        THREAD_OF_GROUP + ".reg .b32 d, s, m; "
        f"setp.lt.u32 p, t, {peers.total}; rem.u32 s, t, {sources.period};"
        f"mad.lo.u32 s, s, {sources.stride}, $0; add.u32 t, t, $3;"
        "mapa.shared::cluster.u32 d, $1, t; mapa.shared::cluster.u32 m, $2, t;"
        "@p cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes"
        f" [d], [s], {size}, [m];",
        sources.first,
        target,
        signal,
        peers.first,
    )


def put(a: Any, target: Address, row: int) -> None:
    """Store a block of 16-bit numbers, laid out in pairs of neighbours, as swizzled tiles.

    A row has so many bytes, 32, 64 or 128: of them 16-byte pieces change places.
    """
    kinds = pairs(a.shape), gpu.RefType(target.transforms), gpu.Layout.WG_SPLAT

    @gpu.inline_mgpu(arg_types=kinds)
    def body(_: Any, a: Any, ref: Any, start: Any) -> None:
        kind = ir.IntegerType.get_signless(32)
        base = llvm.ptrtoint(kind, mosaic.utils.memref_ptr(ref))
        base = llvm.add(base, start.registers.item(), 0)
        for k, pair in enumerate(a.registers.flat):
            code = (
                "{ " + THREAD_OF_GROUP + f".reg .b32 s; shl.b32 t, t, 2; add.u32 t, t, {512 * k};"
                f"shr.u32 s, t, 3; and.b32 s, s, {row - 16}; xor.b32 t, t, s;"
                "add.u32 t, t, $0; st.shared.b32 [t], $1; }"
            )
            void = ir.Type.parse("!llvm.void")
            registers = [base, llvm.bitcast(kind, pair)]
            llvm.inline_asm(void, registers, code, "r,r", has_side_effects=True)

    body(a, target.ref, jnp.asarray(target.start, jnp.int32))


def pairs(shape: tuple[int, ...]) -> Any:
    """How a block is laid out in registers: two neighbours in each, thread by thread."""
    return gpu.Layout.WG_STRIDED(shape, vec_size=2)


def take(ref: Any) -> Any:
    """A block from memory, in pairs."""
    kind = gpu.ShapeDtypeStruct(ref.shape, ref.dtype, pairs(ref.shape))

    @gpu.inline_mgpu(arg_types=(gpu.RefType(),), return_type=kind)
    def body(_: Any, ref: Any) -> Any:
        return mosaic.FragmentedArray.load_strided(ref, vec_size=2)

    return body(ref)


def hold(ref: Any, transforms: tuple, swizzle: int) -> Any:
    """A block of weights from tiles in memory, laid out as a matmul takes it from registers."""
    kind = gpu.ShapeDtypeStruct(ref.shape, ref.dtype, gpu.Layout.WGMMA)

    @gpu.inline_mgpu(arg_types=(gpu.RefType(transforms),), return_type=kind)
    def body(_: Any, ref: Any) -> Any:
        layout = gpu.Layout.WGMMA.to_mgpu()
        return mosaic.FragmentedArray.load_tiled(ref, swizzle, layout=layout, optimized=False)

    return body(ref)


def leave(ref: Any, a: Any, layout: Any) -> None:
    """Store what has this layout."""

    @gpu.inline_mgpu(arg_types=(gpu.RefType(), layout))
    def body(_: Any, ref: Any, a: Any) -> None:
        a.store_untiled(ref, optimized=False)

    body(ref, a)


def together() -> None:
    """Wait for all threads of this block."""

    @gpu.inline_mgpu()
    def body(_: Any) -> None:
        mosaic.utils.warpgroup_barrier()

    body()
