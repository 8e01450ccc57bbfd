"""What the machine can do: python -m benchmarks.roofline

Matmuls in JAX and PyTorch, a large one and those of one recurrent step, and memory bandwidth in
JAX on arrays far larger than any cache, updated in place so that neither page faults nor reads
ahead of writes count: ``copy`` a <- s a moves two arrays, ``triad`` a <- b + s a three.  Each
number of cores has a process of its own, bound to them.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks.timing import Call, estimate

SQUARE = 1024
STEPS = ((32, 64), (32, 128), (64, 128), (64, 256), (64, 512), (1, 256))  # B and H of an LSTM's
WORDS = 1 << 26  # of float32: 256 MiB an array
BEST_OF = 10


def rates(cores: int) -> list[dict[str, Any]]:
    """Rows of the best rates on so many cores."""
    command = [sys.executable, "-m", "benchmarks.roofline", str(cores)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measured(cores: int) -> Iterator[dict[str, Any]]:
    """The rows, in this process."""
    shapes = {f"matmul {SQUARE}": (SQUARE, SQUARE, SQUARE)}
    shapes |= {f"matmul {b} x {h} x {4 * h}": (b, h, 4 * h) for b, h in STEPS}
    makes: dict[str, Callable] = {"JAX": jax_matmul, "PyTorch": partial(torch_matmul, cores)}
    for library, make in makes.items():
        for name, (m, k, n) in shapes.items():
            repeats = max(1, 2**27 // (m * k * n))
            seconds = best(make(m, k, n, repeats)) / repeats
            yield rate(f"{library} {name}", cores, 2e-9 * m * k * n / seconds, "GFLOP/s")
    for name, streams in {"copy": 2, "triad": 3}.items():
        seconds = best(stream(name))
        yield rate(f"JAX {name}", cores, 4e-9 * streams * WORDS / seconds, "GB/s")


def rate(name: str, cores: int, value: float, unit: str) -> dict[str, Any]:
    """A row."""
    row = {"rate": name, "cores": cores, "value": value, "unit": unit}
    return {"name": f"{name} on {cores}"} | row


def best(call: Call) -> float:
    """Seconds of the quickest call."""
    import time

    return min(estimate(call, time.perf_counter) for _ in range(BEST_OF))


def jax_matmul(m: int, k: int, n: int, repeats: int) -> Call:
    """Dependent products in one program, as in a recurrence: x <- the sum of x @ w's gates."""
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
    """The same, eager."""
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
    """One pass over large arrays, in place."""
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
    """The rows of one number of cores as JSON, or else a table of one and of all."""
    if sys.argv[1:]:
        cores = int(sys.argv[1])
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])  # before JAX starts
        print(json.dumps(list(measured(cores))))
        return
    from benchmarks import tables

    counts = sorted({1, len(os.sched_getaffinity(0))})
    rows = [row for cores in counts for row in rates(cores)]
    print("\n".join(tables.roofline(rows, tables.saved(tables.DEFAULT).get("rows", []))))


if __name__ == "__main__":
    main()
