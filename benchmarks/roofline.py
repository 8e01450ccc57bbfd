"""Matmul rate and memory bandwidth of the machine: python -m benchmarks.roofline

Matmuls are measured in JAX and PyTorch: a large one, and those of one recurrent step.  Bandwidth is
measured in JAX on arrays far larger than any cache.  They are updated in place, so that neither
page faults nor reads before writes count: ``copy`` (a <- s a) moves two arrays, ``triad``
(a <- b + s a) three.  Each number of cores is measured in a separate process that is pinned to
them.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.rows import Row
from benchmarks.timing import Call, estimate

SQUARE = 1024
STEPS = ((32, 64), (32, 128), (64, 128), (64, 256), (64, 512), (1, 256))  # B, H of an LSTM
WORDS = 1 << 26  # float32 words of an array, 256 MiB
BEST_OF = 10


def measure_rates(cores: int) -> list[Row]:
    """Measure the best rates on this number of cores in a new process."""
    command = [sys.executable, "-m", "benchmarks.roofline", str(cores)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def rates(cores: int) -> Iterator[Row]:
    """Yield rows measured in this process."""
    shapes = {f"matmul {SQUARE}": (SQUARE, SQUARE, SQUARE)}
    shapes |= {f"matmul {b} x {h} x {4 * h}": (b, h, 4 * h) for b, h in STEPS}
    makes: dict[str, Callable] = {"JAX": jax_matmul, "PyTorch": partial(torch_matmul, cores)}
    for library, make in makes.items():
        for name, (m, k, n) in shapes.items():
            repeats = max(1, 2**27 // (m * k * n))
            seconds = best(make(m, k, n, repeats)) / repeats
            yield make_row(f"{library} {name}", cores, 2e-9 * m * k * n / seconds, "GFLOP/s")
    for name, streams in {"copy": 2, "triad": 3}.items():
        seconds = best(stream(name))
        yield make_row(f"JAX {name}", cores, 4e-9 * streams * WORDS / seconds, "GB/s")


def make_row(name: str, cores: int, value: float, unit: str) -> Row:
    """Return a row of the section ``roofline``."""
    row = {"rate": name, "cores": cores, "value": value, "unit": unit}
    return {"name": f"{name} on {cores}"} | row


def best(call: Call) -> float:
    """Return the seconds of the shortest call."""
    return min(estimate(call, time.perf_counter) for _ in range(BEST_OF))


def jax_matmul(m: int, k: int, n: int, repeats: int) -> Call:
    """Return a call of dependent matmuls, as in a recurrence: x <- sum over gates of x @ w."""
    import jax
    import jax.numpy as jnp

    x, w = jnp.ones((m, k)), jnp.full((k, n), 1.0 / k)

    @jax.jit
    def run(x, w):
        return jax.lax.fori_loop(
            0, repeats, lambda _, x: jnp.matmul(x, w).reshape(m, -1, k).sum(1), x
        )

    return lambda: jax.block_until_ready(run(x, w))


def torch_matmul(cores: int, m: int, k: int, n: int, repeats: int) -> Call:
    """Return the same call in PyTorch, eager."""
    import torch

    torch.set_num_threads(cores)
    first, w, out = torch.ones(m, k), torch.full((k, n), 1.0 / k), torch.empty(m, n)

    def run() -> None:
        x = first
        for _ in range(repeats):
            torch.mm(x, w, out=out)
            x = out.view(m, -1, k).sum(1)

    def call() -> None:
        with torch.inference_mode():
            run()

    return call


def stream(name: str) -> Call:
    """Return a call of one in-place pass over large arrays."""
    import jax
    import jax.numpy as jnp

    updates: dict[str, Callable] = {
        "copy": lambda a, b: 0.5 * a,
        "triad": lambda a, b: b + 0.5 * a,
    }
    run = jax.jit(updates[name], donate_argnums=0)
    a, b = jnp.ones(WORDS), jnp.ones(WORDS)

    def call() -> None:
        nonlocal a
        a = jax.block_until_ready(run(a, b))

    return call


def main() -> None:
    """Print JSON for the number of cores in ``sys.argv``; without it, tables for one and all."""
    if sys.argv[1:]:
        cores = int(sys.argv[1])
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])  # before JAX is imported
        print(json.dumps(list(rates(cores))))
        return
    from benchmarks import tables
    from benchmarks.rows import load_results
    from benchmarks.run import OUTPUT

    counts = sorted({1, len(os.sched_getaffinity(0))})
    rows = [row for cores in counts for row in measure_rates(cores)]
    content = load_results(OUTPUT) | {"roofline": rows}
    print("\n".join([*tables.roofline(rows), "", *tables.rates_reached(content)]))


if __name__ == "__main__":
    main()
