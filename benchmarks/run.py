"""Time seqmodels and other libraries in one process, print tables and save them as JSON.

A ratio is our time divided by the other library's: below 1, seqmodels is faster. Without flags
everything is measured, which takes about 25 minutes on two idle cores.

python -m benchmarks --quick

python -m benchmarks --resume

python -m benchmarks --parts grid --cells lstm --sizes 32,128,128 --peers pytorch flax_nnx

python -m benchmarks --parts grid --variants masked layers --seconds 1
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import tyro

from benchmarks.cases import (
    GPU_SIZES,
    QUICK_SIZES,
    SIZES,
    VARIANT_SIZES,
    VARIANTS,
    Case,
    make_case,
    make_inputs,
)
from benchmarks.peers import GPU_PEERS, PEERS

PASSES = ("forward", "gradient")
OUTPUT = Path("runs/benchmarks/results.json")
QUICK_OUTPUT = OUTPUT.with_name("quick.json")


@dataclass(frozen=True)
class Config:
    """What to measure."""

    quick: bool = False
    """Measure only LSTM and GRU at two small sizes, in about a minute on an idle machine.
    Saves to runs/benchmarks/quick.json unless --output is given."""
    parts: tuple[Literal["grid", "systems", "roofline", "startup"], ...] = (
        "grid",
        "systems",
        "roofline",
        "startup",
    )
    """grid: recurrences alone. systems: whole training steps and beam search.
    roofline: matmul rate and memory bandwidth. startup: import, first step and dispatch."""
    cells: tuple[str, ...] = ()
    """Names of cells. Default: rnn, lstm and gru; for variants, lstm and gru."""
    sizes: tuple[str, ...] = ()
    """Sizes, each as batch,length,hidden. Default: eight (eleven on a GPU).
    Default for variants: two (five on a GPU in bfloat16)."""
    variants: tuple[str, ...] = VARIANTS
    """Any of plain, masked, layers, bidirectional, bfloat16, members."""
    passes: tuple[str, ...] = PASSES
    """forward; gradient, which is forward and backward."""
    peers: tuple[str, ...] = ()
    """Libraries to compare with. Default: all of benchmarks/peers."""
    engines: tuple[str, ...] = ()
    """Engines of seqmodels to time in addition to auto, for instance scan."""
    clock: Literal["wall", "cpu"] = "wall"
    """wall: elapsed time. cpu: processor time of all threads, which other load does not affect."""
    seconds: float = 2.0
    """Time for each row of the grid. At least eight rounds are run."""
    output: Path = OUTPUT
    """JSON file that rows are merged into as they are measured."""
    resume: bool = False
    """Skip rows that the output already has."""


class Job(NamedTuple):
    """Rows of one section that are measured and saved together."""

    section: str
    name: str
    keys: tuple[tuple, ...]  # ``row_key`` of each row
    measure: Callable[[], list[dict]]


def main(config: Config) -> None:
    """Run the selected jobs, save each one, and print all tables of the output file."""
    from benchmarks import rows, tables

    unknown = set(config.variants) - set(VARIANTS)
    if unknown:
        raise SystemExit(f"--variants: unknown {sorted(unknown)}, choose from {VARIANTS}")
    config = shorten(config) if config.quick else config
    begin = time.perf_counter()
    for part in config.parts:
        for job in JOBS[part](config):
            done = map(rows.row_key, rows.load_results(config.output).get(job.section, []))
            if config.resume and set(job.keys) <= set(done):
                continue
            print(f"{time.perf_counter() - begin:6.0f} s  {job.name}", flush=True)
            command = rows.command_line("benchmarks")
            rows.merge_results(config.output, job.section, job.measure(), command)
    print("\n".join(tables.markdown(rows.load_results(config.output))))
    print(f"saved to {config.output} after {time.perf_counter() - begin:.0f} s")


def shorten(config: Config) -> Config:
    """Return the config of ``--quick``; explicit cells, sizes, peers and output are kept."""
    return replace(
        config,
        parts=("grid",),
        variants=("plain",),
        cells=config.cells or ("lstm", "gru"),
        sizes=config.sizes or tuple(",".join(map(str, size)) for size in QUICK_SIZES),
        seconds=min(config.seconds, 0.2),
        output=QUICK_OUTPUT if config.output == OUTPUT else config.output,
    )


def grid_jobs(config: Config) -> Iterator[Job]:
    """Yield one job per case, for both passes."""
    for case in select_cases(config):
        keys = tuple((case.name, kind, config.clock) for kind in config.passes)
        yield Job("grid", case.name, keys, partial(measure_case, case, config))


def system_jobs(config: Config) -> Iterator[Job]:
    """Yield one job per training step, and one for beam search."""
    from benchmarks.systems import SYSTEMS, measure

    for system in SYSTEMS:
        keys = ((system.name, None, config.clock),)
        run = partial(measure, system, config.seconds, config.clock)
        yield Job("systems", system.name, keys, run)


def roofline_jobs(config: Config) -> Iterator[Job]:
    """Yield a job for one core and one for all cores."""
    from benchmarks.roofline import measure_rates

    for cores in sorted({1, len(os.sched_getaffinity(0))}):
        keys = ((f"JAX matmul 1024 on {cores}", None, None),)
        yield Job("roofline", f"rates on {cores}", keys, partial(measure_rates, cores))


def startup_jobs(config: Config) -> Iterator[Job]:
    """Yield the jobs for import, first step and dispatch."""
    from benchmarks.startup import MEASUREMENTS

    for name, measure in MEASUREMENTS.items():
        yield Job("startup", name, ((name, None, None),), measure)


JOBS = {
    "grid": grid_jobs,
    "systems": system_jobs,
    "roofline": roofline_jobs,
    "startup": startup_jobs,
}


def select_cases(config: Config) -> Iterator[Case]:
    """Yield every selected combination of variant, cell and size."""
    for variant in config.variants:
        plain = variant == "plain"
        sizes = [tuple(map(int, size.split(","))) for size in config.sizes]
        default = SIZES if plain else VARIANT_SIZES
        large = GPU_SIZES if on_gpu() and variant in ("plain", "bfloat16") else ()
        for cell in config.cells or (("rnn", "lstm", "gru") if plain else ("lstm", "gru")):
            for batch, length, hidden in sizes or (*default, *large):
                yield make_case(cell, (batch, length, hidden), variant)


def on_gpu() -> bool:
    """Return whether JAX computes on a GPU."""
    import jax

    return jax.default_backend() == "gpu"


def measure_case(case: Case, config: Config) -> list[dict]:
    """Build every implementation of a case, then time each pass."""
    from benchmarks.rows import OURS, make_row
    from benchmarks.timing import CLOCKS, measure

    implementations = build_implementations(case, config)
    if OURS not in implementations:
        return []
    rows = []
    for kind in config.passes:
        found = {name: passes[kind] for name, passes in implementations.items()}
        calls = {name: implementation.call for name, implementation in found.items()}
        samples = measure(calls, config.seconds, CLOCKS[config.clock])
        rows.append(make_row(kind, case, found, samples, config.clock))
    return rows


def build_implementations(case: Case, config: Config) -> dict:
    """Return the implementations by library; print the reason for each one left out."""
    from benchmarks.implementation import Unsupported
    from benchmarks.peers import builder, ours
    from benchmarks.rows import OURS

    builders: dict[str, Callable] = {OURS: ours.build}
    builders |= {f"{OURS}:{e}": partial(ours.build, engine=e) for e in config.engines}
    peers = config.peers or (PEERS + GPU_PEERS if on_gpu() else PEERS)
    builders |= {peer: builder(peer) for peer in peers}
    inputs, implementations = make_inputs(case), {}
    for name, build in builders.items():
        try:
            implementations[name] = build(case, inputs)
        except Unsupported as reason:
            print(f"{case.name}: {name} left out: {reason}")
    return implementations


def command() -> None:
    """Parse the command line and run."""
    form = Annotated[Config, tyro.conf.arg(name="")]
    flags = (tyro.conf.FlagCreatePairsOff,)
    main(tyro.cli(form, prog="python -m benchmarks", description=__doc__, config=flags))


if __name__ == "__main__":
    command()
