"""Time and memory of a sweep compared with separate runs: python -m benchmarks.sweep

Measures one optimizer step of one member of a population of N character models, trained in several
ways: one run alone, all members under one ``vmap``, in slices of members, and one member after
another in one program (slice 1).  Separate runs also start and compile N times, which is not
counted.  The ways are interleaved and the shortest time of each is reported, since other load only
adds to it.
"""

import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from tyro.conf import Positional, arg

from benchmarks.implementation import Implementation, compile_call
from benchmarks.rows import Row, command_line, merge_results
from benchmarks.tables import table_header, table_row
from experiments.char_generation.experiment import EXPERIMENT, Config
from seqmodels.data.streams import Window
from seqmodels.train.config import with_values
from seqmodels.train.state import train_chunk
from seqmodels.train.sweep.population import (
    init_population,
    lift_over_members,
    member_state,
    population_chunk,
)

STEPS, REPEATS = 2, 5
METADATA = {"vocabulary": {"symbols": list(range(64))}}


def batches(config: Config) -> Window:
    """Return a stacked chunk of random text."""
    shape = STEPS, config.length, config.training.batch_size
    tokens = np.random.default_rng(0).integers(64, size=shape).astype(np.int32)
    return Window(tokens, tokens, np.ones(shape, bool), np.zeros(shape, bool))


def population(config: Config, members: int):
    """Return the state of randomly initialised members."""
    initial = EXPERIMENT.initial_rates(config)
    rates = {name: jnp.full(members, value, jnp.float32) for name, value in initial.items()}
    keys = jax.random.split(jax.random.key(0), members)
    first = jax.tree.map(lambda leaf: leaf[0], batches(config))
    task, optimizer = EXPERIMENT.task(config, METADATA), config.training.optimizer
    return jax.jit(lambda r, k: init_population(task, optimizer, r, k, first))(rates, keys)


def compile_ways(config: Config, members: int) -> dict[str, Implementation]:
    """Compile every way to train the members."""
    task, state = EXPERIMENT.task(config, METADATA), population(config, members)
    chunk, optimizer = batches(config), config.training.optimizer
    ways = {"alone": compile_call(train_chunk(task, optimizer), member_state(state, 0), chunk)}
    for size in sorted({1, 4, 16, members}):
        if size <= members:
            run = population_chunk(task, optimizer, lift_over_members(size))
            ways[f"slice {size}"] = compile_call(run, state, None, chunk)
    return ways


def measure(hidden: int, members: int) -> Iterator[Row]:
    """Yield a row for each way; times are per step of one member."""
    values = {"hidden": hidden, "layers": 1, "embedding": 16, "batch_size": 16, "length": 32}
    programs = compile_ways(with_values(Config(), values), members)
    wall = dict.fromkeys(programs, np.inf)
    cpu = dict(wall)
    for repeat in range(REPEATS + 1):
        for way, program in programs.items():
            begin, used = time.perf_counter(), time.process_time()
            program.call()
            if repeat:  # the first repeat warms up
                wall[way] = min(wall[way], time.perf_counter() - begin)
                cpu[way] = min(cpu[way], time.process_time() - used)
    for way, program in programs.items():
        steps = STEPS * (1 if way == "alone" else members)
        yield {
            "name": f"H={hidden} N={members} {way}",
            "hidden": hidden,
            "members": members,
            "way": way,
            "wall_ms": 1e3 * wall[way] / steps,
            "cpu_ms": 1e3 * cpu[way] / steps,
            "cpu_of_alone": cpu[way] / steps / (cpu["alone"] / STEPS),
            "megabytes": (program.temporary_bytes or 0) / 1e6,
        }


def main(
    hidden: Annotated[
        Positional[tuple[int, ...]], arg(metavar="UNITS", help="Units of the model.")
    ] = (16, 32, 64, 256),
    members: Annotated[tuple[int, ...], arg(help="Population sizes.")] = (1, 4, 16, 64),
    output: Annotated[Path | None, arg(help="JSON file that the rows are merged into.")] = None,
) -> None:
    """Print a line for each way."""
    # A run alone is the same program for every N.
    jax.config.update("jax_compilation_cache_dir", tempfile.mkdtemp())
    titles = ("H", "N", "way", "ms wall", "ms CPU", "CPU / alone", "MB temporary")
    print(*table_header(*titles), sep="\n")
    for units, count in product(hidden, members):
        for row in measure(units, count):
            times = (f"{row[key]:.2f}" for key in ("wall_ms", "cpu_ms", "cpu_of_alone"))
            print(
                table_row(units, count, row["way"], *times, f"{row['megabytes']:.0f}"), flush=True
            )
            if output:
                merge_results(output, "sweep", [row], command_line("benchmarks.sweep"))


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.sweep", description=__doc__)
