"""Time and memory of a sweep against separate runs: python -m benchmarks.sweep

For a population of N character models, CPU seconds and wall seconds of one optimizer step of one
member: all under one vmap, in slices, one after the other in one program, and as a run alone
(which N separate runs do N times, besides starting and compiling N times).  The ways are
interleaved; the least of each is shown, since whatever else runs only adds to it.
"""

import tempfile
import time
from collections.abc import Callable
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from tyro.conf import Positional, arg

from experiments.char_generation.experiment import EXPERIMENT, Config
from seqmodels.data.streams import Window
from seqmodels.train.state import train_chunk
from seqmodels.train.sweep.population import init_population, member_state, over, population_chunk

STEPS, REPEATS = 2, 5
EXTRAS = {"vocabulary": {"symbols": list(range(64))}}


def batches(config: Config) -> Window:
    """A stacked chunk of random text."""
    shape = STEPS, config.length, config.batch_size
    tokens = np.random.default_rng(0).integers(64, size=shape).astype(np.int32)
    return Window(tokens, tokens, np.ones(shape, bool), np.zeros(shape, bool))


def population(config: Config, members: int):
    """Random members that differ in learning rate and seed."""
    numbers = EXPERIMENT.numbers(config)
    hyper = {name: jnp.full(members, value, jnp.float32) for name, value in numbers.items()}
    keys = jax.random.split(jax.random.key(0), members)
    first = jax.tree.map(lambda leaf: leaf[0], batches(config))
    task = EXPERIMENT.task(config, EXTRAS)
    return jax.jit(lambda h, k: init_population(task, config, h, k, first))(hyper, keys)


def programs(config: Config, members: int) -> dict[str, tuple[Callable, float]]:
    """Each way to run the members, compiled, with the MB of its temporary arrays."""
    task, state = EXPERIMENT.task(config, EXTRAS), population(config, members)
    chunk = batches(config)
    alone = jax.jit(train_chunk(task, config)), (member_state(state, 0), chunk)
    ways: dict[str, tuple[Any, tuple]] = {"alone": alone}
    for slice in sorted({1, 4, 16, members}):
        if slice <= members:
            many = population_chunk(task, config, over(slice))
            ways[f"slice {slice}"] = jax.jit(many), (state, None, chunk)
    compiled = {}
    for name, (function, arguments) in ways.items():
        program = function.lower(*arguments).compile()
        analysis = program.memory_analysis()
        assert analysis is not None
        megabytes = analysis.temp_size_in_bytes / 1e6
        compiled[name] = lambda p=program, a=arguments: jax.block_until_ready(p(*a)), megabytes
    return compiled


def measure(config: Config, members: int) -> None:
    ways = programs(config, members)
    wall = dict.fromkeys(ways, np.inf)
    cpu = dict(wall)
    for repeat in range(REPEATS + 1):
        for name, (run, _) in ways.items():
            begin, used = time.perf_counter(), time.process_time()
            run()
            if repeat:  # the first one warms up
                wall[name] = min(wall[name], time.perf_counter() - begin)
                cpu[name] = min(cpu[name], time.process_time() - used)
    for name, (_, megabytes) in ways.items():
        share = STEPS * (1 if name == "alone" else members) / 1e3
        print(
            f"| {config.hidden} | {members} | {name} | {wall[name] / share:.2f} "
            f"| {cpu[name] / share:.2f} | {cpu[name] / share / (cpu['alone'] / STEPS * 1e3):.2f} "
            f"| {megabytes:.0f} |",
            flush=True,
        )


def main(
    hidden: Annotated[
        Positional[tuple[int, ...]], arg(metavar="UNITS", help="Units of the model.")
    ] = (16, 32, 64, 256),
    members: Annotated[tuple[int, ...], arg(help="Models of a population.")] = (1, 4, 16, 64),
) -> None:
    """Print a line for each way."""
    # A run alone is the same program for every N.
    jax.config.update("jax_compilation_cache_dir", tempfile.mkdtemp())
    print("| H | N | way | ms wall | ms CPU | CPU / alone | MB temporary |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for units in hidden:
        for count in members:
            config = Config(hidden=units, layers=1, embedding=16, batch_size=16, length=32)
            measure(config, count)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.sweep", description=__doc__)
