"""Time a diagonal of a recurrence over a grid against a time step of an LSTM of the same widths.

A grid of H x W positions has H + W - 1 diagonals of H rows.  The LSTM runs on as many time steps,
with H times the batch.  Prints microseconds per diagonal and direction, and the median of paired
ratios to the LSTM (above 1 is slower).

taskset -c 1 python -m benchmarks.diagonals
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, Literal

import jax
import jax.numpy as jnp
import tyro

from benchmarks.implementation import compile_call
from benchmarks.rows import Row, command_line, merge_results
from benchmarks.tables import table_header, table_row
from benchmarks.timing import CLOCKS, measure, ratio
from seqmodels.cells.lstm import lstm
from seqmodels.cells.md_lstm import GRID_CELLS
from seqmodels.grid import ALL, init_grid, unroll_grid
from seqmodels.unroll import unroll

SIZES = ((16, 64, 8, 32), (16, 64, 2, 32), (8, 32, 16, 64))  # rows, columns, batch, units
LSTM = "lstm"


@dataclass(frozen=True)
class Options:
    """What to time."""

    cells: tuple[str, ...] = tuple(GRID_CELLS)
    """Names of cells."""
    engines: tuple[str, ...] = ("fused", "scan")
    """Engines of the grid; the LSTM runs on `fused`."""
    directions: tuple[int, ...] = (1, 4)
    """Numbers of directions."""
    seconds: float = 4.0
    """Time for each pass of each size."""
    clock: Literal["wall", "cpu"] = "cpu"
    """wall: elapsed time. cpu: processor time of all threads, which other load does not affect."""
    output: Path | None = None
    """JSON file that the rows are merged into."""


def make_calls(size: tuple[int, ...], count: int, options: Options) -> dict[str, dict]:
    """Return the calls by pass and name."""
    height, width, batch, units = size
    directions, key = ALL[:count], jax.random.key(0)
    passes: dict[str, dict[str, Callable]] = {"forward": {}, "gradient": {}}

    def add(name: str, forward: Callable, params: Any, xs: jax.Array) -> None:
        loss = lambda params, xs: jnp.mean(jnp.square(forward(params, xs)))  # noqa: E731
        passes["forward"][name] = compile_call(forward, params, xs).call
        passes["gradient"][name] = compile_call(jax.grad(loss, (0, 1)), params, xs).call

    cell = lstm(units, units)
    xs = jax.random.normal(key, (height + width - 1, height * batch, units))
    run = lambda params, xs: unroll(cell, params, xs, engine="fused")[0]  # noqa: E731
    params = jax.vmap(cell.init)(jax.random.split(key, count))
    add(LSTM, jax.vmap(run, in_axes=(0, None)), params, xs)
    xs = jax.random.normal(key, (height, width, batch, units))
    for name, engine in product(options.cells, options.engines):
        grid_cell = GRID_CELLS[name](units, units)
        grid = partial(unroll_grid, grid_cell, directions=directions, engine=engine)
        add(f"{name} {engine}", grid, init_grid(grid_cell, key, directions), xs)
    return passes


def measure_rows(options: Options) -> Iterator[Row]:
    """Yield a row for every size, number of directions, pass, cell and engine."""
    for size, count in product(SIZES, options.directions):
        height, width, batch, units = size
        for kind, calls in make_calls(size, count, options).items():
            samples = measure(calls, options.seconds, CLOCKS[options.clock])
            for call in calls:
                seconds = median(samples.quiet(call)[0]) / (height + width - 1) / count
                yield {
                    "name": f"{call} {height}x{width} B={batch} H={units} directions={count}",
                    "pass": kind,
                    "clock": options.clock,
                    "call": call,
                    "size": size,
                    "directions": count,
                    "microseconds": 1e6 * seconds,
                    "of_lstm": ratio(samples, call, LSTM).median,
                }


def main() -> None:
    """Print the table, and save it if there is an output file."""
    name = "benchmarks.diagonals"
    options = tyro.cli(Options, prog=f"python -m {name}", description=__doc__)
    print(f"float32, {jax.devices()[0].platform}, {options.clock} time, jax {jax.__version__}")
    print(*table_header("cell, engine", "size", "pass", "us", "of LSTM"), sep="\n")
    for row in measure_rows(options):
        rows, columns, batch, units = row["size"]
        size = f"{rows} x {columns}, B={batch}, H={units}, {row['directions']} directions"
        times = [f"{row['microseconds']:.1f}", f"{row['of_lstm']:.2f}"]
        print(table_row(row["call"], size, row["pass"], *times), flush=True)
        if options.output:
            merge_results(options.output, "diagonals", [row], command_line(name))


if __name__ == "__main__":
    main()
