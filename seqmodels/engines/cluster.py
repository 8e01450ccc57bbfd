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

ONE_THREAD = ".reg .pred p; .reg .b32 t; mov.u32 t, %tid.x; setp.eq.u32 p, t, 0; "


class Address(NamedTuple):
    """A place in an array: in this block's shared memory, or in global memory."""

    ref: Any
    start: Any = 0  # bytes from its beginning
    transforms: tuple = ()
    everywhere: bool = False


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


def prepare(signal: Address, copies: int = 1) -> None:
    """Make a signal for as many copies in a phase; then blocks must meet, before any is used."""
    emit(
        ONE_THREAD + f"@p mbarrier.init.shared::cta.b64 [$0], {copies};"
        "@p fence.mbarrier_init.release.cluster;",
        signal,
    )


def wait(signal: Address, phase: Any) -> None:
    """Until the signal's phase with this number is complete."""
    again = "again: mbarrier.try_wait.parity.shared::cta.b64 p, [$0], t; @p bra done; bra again;"
    emit(f".reg .pred p; .reg .b32 t; and.b32 t, $1, 1; {again} done:", signal, phase)


def load(source: Address, target: Address, signal: Address, size: int) -> None:
    """Copy bytes from global memory."""
    emit(
        ONE_THREAD + f"@p mbarrier.arrive.expect_tx.shared::cta.b64 _, [$2], {size};"
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
    """Send bytes to peers, and expect as many from each; a thread serves each.

    They go where ``target`` and ``signal`` are in our memory.
    """
    emit(
        ".reg .pred p; .reg .b32 t, d, s, m; mov.u32 t, %tid.x; setp.eq.u32 p, t, 0; "
        f"@p mbarrier.arrive.expect_tx.shared::cta.b64 _, [$2], {peers.total * size};"
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


def together() -> None:
    """Wait for all threads of this block."""

    @gpu.inline_mgpu()
    def body(_: Any) -> None:
        mosaic.utils.warpgroup_barrier()

    body()
