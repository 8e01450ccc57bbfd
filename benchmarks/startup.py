"""What comes before and between the steps: python -m benchmarks.startup

import    of ``seqmodels.unroll`` and all cells after ``import jax``
step      the first step of the default experiment in a new process, from the moment that its data
          is there until its metrics are: initialisation, compiling and running, with an empty
          compilation cache and then with what that left in it
dispatch  the trainer's whole loop (batches, their way to the device, one call for K steps, metrics,
          records) at H = 16: time of a step less that of the bare program, which is a single call
          for 1,000 steps on batches that lie on the device; medians over calls.  Wall time is what
          the bar is for; processor time of all threads counts the one that makes batches too
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

Row = dict[str, Any]
SYMBOLS, LONG = 64, 1000

IMPORT = """
import time, jax
begin = time.perf_counter()
import seqmodels.cells.registry, seqmodels.unroll
print(time.perf_counter() - begin)
"""
FIRST = """
import time
from dataclasses import replace
from experiments.char_generation.experiment import EXPERIMENT, Config
from seqmodels.cli import Machine, prepare
prepare(Machine())
data = EXPERIMENT.data(Config(), None)
from seqmodels.train.fit import fit
begin = time.perf_counter()
numbers = EXPERIMENT.numbers(Config())
task = EXPERIMENT.task(Config(), data.extras)
fit(task, data.train, replace(Config(), steps=1), numbers=numbers)
print(time.perf_counter() - begin)
"""


def seconds_of(script: str, **environment: str) -> float:
    """What a script prints at its end, in a process of its own."""
    command, variables = [sys.executable, "-c", script], os.environ | environment
    done = subprocess.run(command, env=variables, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def imports() -> list[Row]:
    """The least of three: what else runs only adds to it."""
    value = min(seconds_of(IMPORT) for _ in range(3))
    return [{"name": "import", "value": value, "unit": "s", "bar": 1.0}]


def first_steps() -> list[Row]:
    """Cold, then with the cache that the cold one left."""
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = (seconds_of(FIRST, JAX_COMPILATION_CACHE_DIR=cache) for _ in range(2))
    bars = {"first step, cold": (cold, 10.0), "first step, warm": (warm, 3.0)}
    return [{"name": n, "value": v, "unit": "s", "bar": bar} for n, (v, bar) in bars.items()]


def dispatch() -> list[Row]:
    """Host time of a step, for several numbers of steps in a call."""
    bare, found = bare_step(), {steps: looped_step(steps) for steps in (200, 20, 1)}
    rows = []
    for place, clock in enumerate(("wall", "processor")):
        for steps, loop in found.items():
            name = f"dispatch, {steps} steps a call, {clock} time"
            bar = 30.0 if steps == 200 and clock == "wall" else None
            value = 1e6 * (loop[place] - bare[place])
            rows.append({"name": name, "value": value, "unit": "us a step", "bar": bar})
        name = f"bare program, {clock} time"
        rows.append({"name": name, "value": 1e6 * bare[place], "unit": "us a step", "bar": None})
    return rows


def experiment(steps: int):
    """Task, batches, config and numbers of a tiny character model."""
    from experiments.char_generation import experiment as char_generation
    from seqmodels.data.streams import training_windows

    config = char_generation.Config(
        hidden=16, embedding=16, layers=1, batch_size=16, length=16, dropout=0.0, dispatch=steps
    )
    extras = {"vocabulary": {"symbols": [str(n) for n in range(SYMBOLS)]}}
    tokens = np.random.default_rng(0).integers(0, SYMBOLS, 100_000, dtype=np.int32)
    batches = training_windows(tokens, config.batch_size, config.length, seed=0)
    task, numbers = char_generation.task(config, extras), char_generation.EXPERIMENT.numbers
    return task, batches, config, numbers(config)


def clocks() -> tuple[float, float]:
    """Now, on the wall and of the processor."""
    return time.perf_counter(), time.process_time()


def medians(times: list[tuple[float, float]]) -> list[float]:
    """Of what passed between one time and the next, on both clocks."""
    return [statistics.median(np.diff(clock)) for clock in zip(*times, strict=True)]


def bare_step() -> list[float]:
    """Seconds of a step in one long call, on both clocks."""
    import jax

    from seqmodels.train.feed import stack
    from seqmodels.train.fit import start
    from seqmodels.train.state import train_chunk

    task, batches, config, numbers = experiment(LONG)
    state = start(task, batches, config, numbers)
    chunk = jax.device_put(stack([batches(step) for step in range(LONG)]))
    run = jax.jit(train_chunk(task, config))
    times = []
    for _ in range(9):
        jax.block_until_ready(run(state, chunk))
        times.append(clocks())
    return [seconds / LONG for seconds in medians(times)]


def looped_step(steps: int) -> list[float]:
    """Seconds of a step in the trainer's loop, on both clocks."""
    from seqmodels.train.fit import fit

    task, batches, config, numbers = experiment(steps)
    total = steps * min(400, max(12, 4000 // steps))
    config = replace(config, steps=total, evaluate_every=total)
    times: list[tuple[float, float]] = []
    fit(task, batches, config, numbers=numbers, logs=[lambda _: times.append(clocks())])
    return [seconds / steps for seconds in medians(times)]


MEASURES: dict[str, Callable[[], list[Row]]] = {
    "import": imports,
    "first step, cold": first_steps,
    "dispatch, 200 steps a call, wall time": dispatch,
}


def main() -> None:
    """Print the table."""
    from benchmarks import tables

    rows = [row for make in MEASURES.values() for row in make()]
    print("\n".join(tables.startup(rows)))


if __name__ == "__main__":
    main()
