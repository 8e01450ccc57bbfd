"""Start-up time and dispatch overhead: python -m benchmarks.startup

import
    Importing ``seqmodels.unroll`` and all cells, after ``import jax``.
first step
    Initialisation, compilation and the first step of the default experiment in a new process, from
    loaded data to its metrics.  Cold: the compilation cache is empty.  Warm: it is filled.
dispatch
    Time of a step in the trainer's loop (batches, transfer, one call for K steps, metrics,
    records) minus that of the bare program, at H = 16.  The bare program is one call for 1,000
    steps on batches that are on the device.  Medians over calls.  The target is for wall time;
    processor time includes the thread that makes batches.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.rows import Row

SYMBOLS = 64
BARE_STEPS = 1000  # of one call of the bare program
UNIT = "us per step"

IMPORT = """
import time, jax
begin = time.perf_counter()
import seqmodels.cells.registry, seqmodels.unroll
print(time.perf_counter() - begin)
"""
FIRST = """
import time
from experiments.char_generation.experiment import EXPERIMENT, Config
from seqmodels.cli import Machine, prepare
from seqmodels.train.config import with_values
prepare(Machine())
config = with_values(Config(), {"steps": 1})
data = EXPERIMENT.data(config, None)
from seqmodels.train.fit import fit
begin = time.perf_counter()
task, rates = EXPERIMENT.task(config, data.metadata), EXPERIMENT.initial_rates(config)
fit(task, data.train, config.training, rates=rates)
print(time.perf_counter() - begin)
"""


def seconds_of(script: str, **environment: str) -> float:
    """Run a script in a new process and return the number that it prints last."""
    command, variables = [sys.executable, "-c", script], os.environ | environment
    done = subprocess.run(command, env=variables, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def make_row(name: str, value: float, unit: str, target: float | None = None) -> Row:
    """Return a row of the section ``startup``."""
    return {"name": name, "value": value, "unit": unit, "target": target}


def imports() -> list[Row]:
    """Return the shortest of three imports, since other load only adds to the time."""
    return [make_row("import", min(seconds_of(IMPORT) for _ in range(3)), "s", 1.0)]


def first_steps() -> list[Row]:
    """Return the first step with an empty compilation cache, then with the cache it filled."""
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = (seconds_of(FIRST, JAX_COMPILATION_CACHE_DIR=cache) for _ in range(2))
    return [
        make_row("first step, cold", cold, "s", 10.0),
        make_row("first step, warm", warm, "s", 3.0),
    ]


def dispatch() -> list[Row]:
    """Return the host's time per step, for several numbers of steps per call."""
    bare, loops = time_bare_step(), {steps: time_loop_step(steps) for steps in (200, 20, 1)}
    rows = []
    for place, clock in enumerate(("wall", "processor")):
        for steps, loop in loops.items():
            name = f"dispatch, {steps} steps per call, {clock} time"
            target = 30.0 if steps == 200 and clock == "wall" else None
            rows.append(make_row(name, 1e6 * (loop[place] - bare[place]), UNIT, target))
        rows.append(make_row(f"bare program, {clock} time", 1e6 * bare[place], UNIT))
    return rows


def experiment(steps: int):
    """Return the task, batches, training config and rates of a tiny character model."""
    from experiments.char_generation.experiment import EXPERIMENT, Config
    from seqmodels.data.streams import training_windows
    from seqmodels.train.config import with_values

    values = {"hidden": 16, "embedding": 16, "layers": 1, "batch_size": 16, "length": 16}
    config = with_values(Config(), values | {"dropout": 0.0, "dispatch": steps})
    metadata = {"vocabulary": {"symbols": [str(n) for n in range(SYMBOLS)]}}
    tokens = np.random.default_rng(0).integers(0, SYMBOLS, 100_000, dtype=np.int32)
    batches = training_windows(tokens, config.training.batch_size, config.length, seed=0)
    task, rates = EXPERIMENT.task(config, metadata), EXPERIMENT.initial_rates(config)
    return task, batches, config.training, rates


def read_clocks() -> tuple[float, float]:
    """Return wall time and processor time."""
    return time.perf_counter(), time.process_time()


def median_intervals(times: list[tuple[float, float]]) -> list[float]:
    """Return the median interval between consecutive times, for both clocks."""
    return [statistics.median(np.diff(clock)) for clock in zip(*times, strict=True)]


def time_bare_step() -> list[float]:
    """Return the seconds of a step in one long call, on both clocks."""
    import jax

    from seqmodels.train.feed import stack_batches
    from seqmodels.train.fit import start
    from seqmodels.train.state import train_chunk

    task, batches, config, rates = experiment(BARE_STEPS)
    state = start(task, batches, config, rates)
    chunk = jax.device_put(stack_batches([batches(step) for step in range(BARE_STEPS)]))
    run = jax.jit(train_chunk(task, config.optimizer))
    times = []
    for _ in range(9):
        jax.block_until_ready(run(state, chunk))
        times.append(read_clocks())
    return [seconds / BARE_STEPS for seconds in median_intervals(times)]


def time_loop_step(steps: int) -> list[float]:
    """Return the seconds of a step in the trainer's loop, on both clocks."""
    from seqmodels.train.fit import fit

    task, batches, config, rates = experiment(steps)
    total = steps * min(400, max(12, 4000 // steps))
    config = replace(config, steps=total, evaluate_every=total)
    times: list[tuple[float, float]] = []
    fit(task, batches, config, rates=rates, logs=[lambda _: times.append(read_clocks())])
    return [seconds / steps for seconds in median_intervals(times)]


MEASUREMENTS: dict[str, Callable[[], list[Row]]] = {
    "import": imports,
    "first step, cold": first_steps,
    "dispatch, 200 steps per call, wall time": dispatch,
}


def main() -> None:
    """Measure and print the table."""
    from benchmarks import tables

    rows = [row for measure in MEASUREMENTS.values() for row in measure()]
    print("\n".join(tables.startup(rows)))


if __name__ == "__main__":
    main()
