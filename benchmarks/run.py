"""Time this library against its peers and print ratios (below 1: this library is faster).

python -m benchmarks                         the eight sizes, three cells, both passes
python -m benchmarks --cells lstm --sizes 32,128,128 --seconds 1 --peers pytorch flax_nnx
python -m benchmarks --variants masked layers bidirectional bfloat16 members
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import tyro

from benchmarks.cases import SIZES, VARIANTS, Case, make_case, make_data
from benchmarks.peers import PEERS

PASSES = ("forward", "gradient")


@dataclass(frozen=True)
class Config:
    """What to measure."""

    cells: tuple[str, ...] = ("rnn", "lstm", "gru")
    """Recurrences."""
    sizes: tuple[str, ...] = tuple(",".join(map(str, size)) for size in SIZES)
    """Sizes, each as batch,length,hidden."""
    variants: tuple[str, ...] = ("plain",)
    """Any of plain, masked, layers, bidirectional, bfloat16, members."""
    passes: tuple[str, ...] = PASSES
    """Forward, and gradient (which is forward and backward)."""
    peers: tuple[str, ...] = PEERS
    """Libraries to compare with."""
    engines: tuple[str, ...] = ()
    """Engines of ours to time beside auto, for instance scan."""
    clock: Literal["wall", "cpu"] = "wall"
    """Time that passes, or processor time of all threads (which other load leaves alone)."""
    seconds: float = 2.0
    """Time for one row of the table; at least five rounds are run."""
    output: Path = Path("runs/benchmarks/results.json")
    """Where rows are merged into; nothing else is overwritten."""


def main(config: Config) -> None:
    from benchmarks.report import merge, show, summary

    rows = []
    for case in cases(config):
        found = rows_of(case, config)
        rows += found
        if found:
            merge(config.output, found)
    if rows:
        show(rows)
        print("\n".join(summary(rows)))
        print(f"saved: {config.output}")


def cases(config: Config) -> list[Case]:
    """Every combination that was asked for."""
    unknown = set(config.variants) - set(VARIANTS)
    if unknown:
        raise SystemExit(f"--variants: {sorted(unknown)} unknown, choose from {VARIANTS}")
    sizes = [tuple(int(n) for n in size.split(",")) for size in config.sizes]
    return [
        make_case(cell, (size[0], size[1], size[2]), variant)
        for cell in config.cells
        for variant in config.variants
        for size in sizes
    ]


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
    builders |= {peer: builder(peer) for peer in config.peers}
    for name, make in builders.items():
        try:
            built[name] = make(case, data)
        except Unsupported as reason:
            print(f"{case.name}: {name} left out: {reason}")
    return built


def command() -> None:
    """The command line."""
    main(tyro.cli(Annotated[Config, tyro.conf.arg(name="")], description=__doc__))


if __name__ == "__main__":
    command()
