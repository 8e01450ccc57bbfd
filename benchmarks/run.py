"""Time this library against its peers, print tables and save them (below 1: we are faster).

Without options everything, about 25 minutes on two quiet cores; --resume measures what is missing.

python -m benchmarks --parts grid --cells lstm --sizes 32,128,128 --peers pytorch flax_nnx

python -m benchmarks --parts grid --variants masked layers --seconds 1
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import tyro

from benchmarks.cases import (
    GPU_SIZES,
    SIZES,
    VARIANT_SIZES,
    VARIANTS,
    Case,
    make_case,
    make_data,
)
from benchmarks.peers import GPU_PEERS, PEERS

PASSES = ("forward", "gradient")


@dataclass(frozen=True)
class Config:
    """What to measure."""

    parts: tuple[Literal["grid", "systems", "roofline", "startup"], ...] = (
        "grid",
        "systems",
        "roofline",
        "startup",
    )
    """Recurrences alone; whole training steps and beam search; what the machine can do; start-up
    and dispatch."""
    cells: tuple[str, ...] = ()
    """Recurrences; none: rnn, lstm, gru, and of variants lstm and gru."""
    sizes: tuple[str, ...] = ()
    """Sizes, each as batch,length,hidden; none: all eight (eleven on a GPU), and of variants two
    (on a GPU of bfloat16 five)."""
    variants: tuple[str, ...] = VARIANTS
    """Any of plain, masked, layers, bidirectional, bfloat16, members."""
    passes: tuple[str, ...] = PASSES
    """Forward, and gradient (which is forward and backward)."""
    peers: tuple[str, ...] = ()
    """Libraries to compare with; none: all that there are."""
    engines: tuple[str, ...] = ()
    """Engines of ours to time beside auto, for instance scan."""
    clock: Literal["wall", "cpu"] = "wall"
    """Time that passes, or processor time of all threads (which other load leaves alone)."""
    seconds: float = 2.0
    """Time for one row of the table; at least eight rounds are run."""
    output: Path = Path("runs/benchmarks/results.json")
    """Where rows are merged into as they are made; nothing else is overwritten."""
    resume: bool = False
    """Leave out what the output has already."""


class Piece(NamedTuple):
    """What is measured and saved in one go."""

    section: str
    name: str
    rows: tuple[tuple, ...]  # identities, as ``report.identity`` has them
    make: Callable[[], list[dict]]


def main(config: Config) -> None:
    """Measure what is asked for, saving each piece, and print all that the file holds."""
    from benchmarks import report, tables

    unknown = set(config.variants) - set(VARIANTS)
    if unknown:
        raise SystemExit(f"--variants: {sorted(unknown)} unknown, choose from {VARIANTS}")
    begin = time.perf_counter()
    for part in config.parts:
        for piece in PIECES[part](config):
            have = map(report.identity, report.saved(config.output).get(piece.section, []))
            if not (config.resume and set(piece.rows) <= set(have)):
                print(f"{time.perf_counter() - begin:6.0f} s  {piece.name}", flush=True)
                report.merge(config.output, piece.section, piece.make())
    print("\n".join(tables.markdown(report.saved(config.output))))
    print(f"saved: {config.output}, after {time.perf_counter() - begin:.0f} s")


def grid(config: Config) -> Iterator[Piece]:
    """Each case of the grid, with both passes."""
    for case in cases(config):
        rows = tuple((case.name, kind, config.clock) for kind in config.passes)
        yield Piece("rows", case.name, rows, partial(rows_of, case, config))


def systems(config: Config) -> Iterator[Piece]:
    """Each whole step, and the search."""
    from benchmarks.systems import SYSTEMS, measure

    for system in SYSTEMS:
        rows = ((system.name, None, config.clock),)
        make = partial(measure, system, config.seconds, config.clock)
        yield Piece("systems", system.name, rows, make)


def roofline(config: Config) -> Iterator[Piece]:
    """The rates on one core and on all."""
    from benchmarks.roofline import rates

    for cores in sorted({1, len(os.sched_getaffinity(0))}):
        name = f"rates on {cores}"
        rows = ((f"JAX matmul 1024 on {cores}", None, None),)
        yield Piece("roofline", name, rows, partial(rates, cores))


def startup(config: Config) -> Iterator[Piece]:
    """Start-up and dispatch."""
    from benchmarks.startup import MEASURES

    for name, make in MEASURES.items():
        yield Piece("startup", name, ((name, None, None),), make)


PIECES = {"grid": grid, "systems": systems, "roofline": roofline, "startup": startup}


def cases(config: Config) -> Iterator[Case]:
    """Every combination that was asked for."""
    for variant in config.variants:
        plain = variant == "plain"
        sizes = [tuple(map(int, size.split(","))) for size in config.sizes]
        usual = SIZES if plain else VARIANT_SIZES
        large = GPU_SIZES if on_gpu() and variant in ("plain", "bfloat16") else ()
        for cell in config.cells or (("rnn", "lstm", "gru") if plain else ("lstm", "gru")):
            for batch, length, hidden in sizes or (*usual, *large):
                yield make_case(cell, (batch, length, hidden), variant)


def on_gpu() -> bool:
    """Whether a GPU computes."""
    import jax

    return jax.default_backend() == "gpu"


def rows_of(case: Case, config: Config) -> list[dict]:
    """Build every candidate for one case, then time each pass."""
    from benchmarks.report import OURS, record
    from benchmarks.timing import CLOCKS, measure

    built = build(case, config)
    if OURS not in built:
        return []
    rows = []
    for kind in config.passes:
        found = {name: passes[kind] for name, passes in built.items()}
        samples = measure(
            {name: c.call for name, c in found.items()}, config.seconds, CLOCKS[config.clock]
        )
        rows.append(record(kind, case, found, samples, config.clock))
    return rows


def build(case: Case, config: Config) -> dict:
    """The candidates by name; those that can't do the case are named with their reason."""
    from benchmarks.candidate import Unsupported
    from benchmarks.peers import builder, ours
    from benchmarks.report import OURS

    data, built = make_data(case), {}
    builders: dict[str, Callable] = {OURS: ours.build}
    builders |= {f"ours:{e}": partial(ours.build, engine=e) for e in config.engines}
    peers = config.peers or (PEERS + GPU_PEERS if on_gpu() else PEERS)
    builders |= {peer: builder(peer) for peer in peers}
    for name, make in builders.items():
        try:
            built[name] = make(case, data)
        except Unsupported as reason:
            print(f"{case.name}: {name} left out: {reason}")
    return built


def command() -> None:
    """The command line."""
    form = Annotated[Config, tyro.conf.arg(name="")]
    main(tyro.cli(form, prog="python -m benchmarks", description=__doc__))


if __name__ == "__main__":
    command()
