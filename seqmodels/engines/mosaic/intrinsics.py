"""GPU operations that Pallas does not offer: barriers, bulk copies and register layouts.

A barrier here is an ``mbarrier`` in shared memory.  It completes a phase when its block has started
all copies of the phase and their bytes have arrived.  Every copy is contiguous.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.experimental.mosaic import gpu as mosaic
from jax.experimental.pallas import mosaic_gpu as plgpu
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import llvm

THREAD = ".reg .pred p; .reg .b32 t; mov.u32 t, %tid.x; "
THREAD_OF_WARPGROUP = THREAD + "and.b32 t, t, 127; "
FIRST_THREAD = "setp.eq.u32 p, t, 0; "


class Address(NamedTuple):
    """An address in an array, in the shared memory of this block or in global memory."""

    ref: Any
    start: Any = 0  # offset in bytes
    transforms: tuple = ()
    is_global: bool = False

    def after(self, bytes_: Any) -> "Address":
        """Return the address this many bytes further on."""
        return self._replace(start=self.start + bytes_)


def emit(text: str, *operands: Address | Any) -> None:
    """Emit PTX in which ``$0``, ``$1``, ... are addresses and numbers."""
    flat: list[tuple[Any, Any]] = []
    for operand in operands:
        address = operand if isinstance(operand, Address) else Address(None, operand)
        if address.ref is not None:
            flat.append((plgpu.RefType(address.transforms), address.ref))
        flat.append((plgpu.Layout.WG_SPLAT, jnp.asarray(address.start, jnp.int32)))

    @plgpu.inline_mgpu(arg_types=tuple(kind for kind, _ in flat))
    def body(_: Any, *arguments: Any) -> None:
        left, registers, constraints = list(arguments), [], []
        for operand in operands:
            is_wide = isinstance(operand, Address) and operand.is_global
            kind = ir.IntegerType.get_signless(64 if is_wide else 32)
            base = isinstance(operand, Address) and mosaic.utils.memref_ptr(left.pop(0))
            number = left.pop(0).registers.item()
            number = llvm.zext(kind, number) if is_wide else number
            registers.append(llvm.add(llvm.ptrtoint(kind, base), number, 0) if base else number)
            constraints.append("l" if is_wide else "r")
        void = ir.Type.parse("!llvm.void")
        code, marks = "{ " + text + " }", ",".join(constraints)
        llvm.inline_asm(void, registers, code, marks, has_side_effects=True)

    body(*(value for _, value in flat))


def init_barrier(barrier: Address, *, per_warpgroup: bool = False) -> None:
    """Initialise a barrier of the block, or of each warpgroup; synchronise before using it."""
    emit(
        (THREAD_OF_WARPGROUP if per_warpgroup else THREAD)
        + FIRST_THREAD
        + "@p mbarrier.init.shared::cta.b64 [$0], 1; @p fence.mbarrier_init.release.cluster;",
        barrier,
    )


def expect_bytes(barrier: Address, size: int, *, per_warpgroup: bool = False) -> None:
    """Make a barrier's phase last until ``size`` bytes have arrived."""
    emit(
        (THREAD_OF_WARPGROUP if per_warpgroup else THREAD)
        + FIRST_THREAD
        + f"@p mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], {size};",
        barrier,
    )


def wait(barrier: Address, phase: Any) -> None:
    """Wait until the barrier's phase with this number is complete."""
    again = "again: mbarrier.try_wait.parity.shared::cta.b64 p, [$0], t; @p bra done; bra again;"
    emit(f".reg .pred p; .reg .b32 t; and.b32 t, $1, 1; {again} done:", barrier, phase)


def copy_from_global(source: Address, target: Address, barrier: Address, size: int) -> None:
    """Start copying ``size`` bytes from global to shared memory."""
    emit(
        THREAD_OF_WARPGROUP
        + FIRST_THREAD
        + f"@p mbarrier.arrive.expect_tx.shared::cta.b64 _, [$2], {size};"
        "@p cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes"
        f" [$1], [$0], {size}, [$2];",
        source,
        target,
        barrier,
    )


class Peers(NamedTuple):
    """Consecutive blocks of the cluster."""

    first: Any
    total: int


class Sources(NamedTuple):
    """The addresses of the bytes for each peer, ``stride`` apart, repeating after ``period``."""

    first: Address
    stride: int
    period: int


def copy_to_peers(
    sources: Sources, target: Address, barrier: Address, size: int, peers: Peers
) -> None:
    """Start copying bytes to the shared memory of peers, one thread for each peer.

    They arrive at the same addresses as ``target`` and ``barrier`` in this block.
    """
    emit(
        THREAD_OF_WARPGROUP + ".reg .b32 d, s, m; "
        f"setp.lt.u32 p, t, {peers.total}; rem.u32 s, t, {sources.period};"
        f"mad.lo.u32 s, s, {sources.stride}, $0; add.u32 t, t, $3;"
        "mapa.shared::cluster.u32 d, $1, t; mapa.shared::cluster.u32 m, $2, t;"
        "@p cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes"
        f" [d], [s], {size}, [m];",
        sources.first,
        target,
        barrier,
        peers.first,
    )


def store_swizzled(a: Any, target: Address, row: int) -> None:
    """Store a fragment of 16-bit numbers, which is in ``pair_layout``, as swizzled tiles.

    A row has 32, 64 or 128 bytes; swizzling permutes its 16-byte pieces.
    """
    types = pair_layout(a.shape), plgpu.RefType(target.transforms), plgpu.Layout.WG_SPLAT

    @plgpu.inline_mgpu(arg_types=types)
    def body(_: Any, a: Any, ref: Any, start: Any) -> None:
        kind = ir.IntegerType.get_signless(32)
        base = llvm.ptrtoint(kind, mosaic.utils.memref_ptr(ref))
        base = llvm.add(base, start.registers.item(), 0)
        for k, pair in enumerate(a.registers.flat):
            code = (
                "{ "
                + THREAD_OF_WARPGROUP
                + f".reg .b32 s; shl.b32 t, t, 2; add.u32 t, t, {512 * k};"
                f"shr.u32 s, t, 3; and.b32 s, s, {row - 16}; xor.b32 t, t, s;"
                "add.u32 t, t, $0; st.shared.b32 [t], $1; }"
            )
            void = ir.Type.parse("!llvm.void")
            registers = [base, llvm.bitcast(kind, pair)]
            llvm.inline_asm(void, registers, code, "r,r", has_side_effects=True)

    body(a, target.ref, jnp.asarray(target.start, jnp.int32))


def pair_layout(shape: tuple[int, ...]) -> Any:
    """Return the register layout of a fragment: pairs of neighbours, thread by thread."""
    return plgpu.Layout.WG_STRIDED(shape, vec_size=2)


def load_pairs(ref: Any) -> Any:
    """Load a fragment in ``pair_layout``."""
    kind = plgpu.ShapeDtypeStruct(ref.shape, ref.dtype, pair_layout(ref.shape))

    @plgpu.inline_mgpu(arg_types=(plgpu.RefType(),), return_type=kind)
    def body(_: Any, ref: Any) -> Any:
        return mosaic.FragmentedArray.load_strided(ref, vec_size=2)

    return body(ref)


def load_matmul_operand(ref: Any, transforms: tuple, swizzle: int) -> Any:
    """Load tiles of weights in the layout of a register operand of ``wgmma``."""
    kind = plgpu.ShapeDtypeStruct(ref.shape, ref.dtype, plgpu.Layout.WGMMA)

    @plgpu.inline_mgpu(arg_types=(plgpu.RefType(transforms),), return_type=kind)
    def body(_: Any, ref: Any) -> Any:
        layout = plgpu.Layout.WGMMA.to_mgpu()
        return mosaic.FragmentedArray.load_tiled(ref, swizzle, layout=layout, optimized=False)

    return body(ref)


def store_untiled(ref: Any, a: Any, layout: Any) -> None:
    """Store an array that is in the given register layout, row by row."""

    @plgpu.inline_mgpu(arg_types=(plgpu.RefType(), layout))
    def body(_: Any, ref: Any, a: Any) -> None:
        a.store_untiled(ref, optimized=False)

    body(ref, a)


def synchronize_warpgroup() -> None:
    """Wait for all threads of this warpgroup."""

    @plgpu.inline_mgpu()
    def body(_: Any) -> None:
        mosaic.utils.warpgroup_barrier()

    body()
