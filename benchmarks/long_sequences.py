"""Time the parallel engines against the scan on long sequences.

Prints milliseconds, the median of paired ratios to the scan (below 1 is faster) and the number of
Newton iterations of the forward pass. An asterisk marks a run that did not converge and fell back
to the scan.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Literal

import jax
import jax.numpy as jnp
import tyro

from benchmarks.implementation import compile_call
from benchmarks.rows import Row, command_line, merge_results
from benchmarks.tables import table_header, table_row
from benchmarks.timing import CLOCKS, measure, ratio
from seqmodels.cells.registry import CELLS
from seqmodels.engines import Engine
from seqmodels.engines.associative import Associative
from seqmodels.engines.fused import Fused
from seqmodels.engines.newton import Newton, newton_iterations
from seqmodels.engines.scan import Scan
from seqmodels.types import Linear
from seqmodels.unroll import unroll


@dataclass(frozen=True)
class Options:
    """What to time."""

    lengths: tuple[int, ...] = (1_000, 10_000, 100_000)
    """Sequence lengths."""
    cells: tuple[str, ...] = ("min_gru", "gru", "lstm")
    """Names of cells."""
    batch: int = 4
    """Sequences in a batch."""
    hidden: int = 4
    """Units of the cell, and features of an input."""
    seconds: float = 2.0
    """Time for each pass of each cell at each length."""
    clock: Literal["wall", "cpu"] = "wall"
    """wall: elapsed time. cpu: processor time of all threads, which other load does not affect."""
    output: Path | None = None
    """JSON file that the rows are merged into."""


def engines(cell_name: str, options: Options) -> dict[str, Engine]:
    """Return the engines that support a cell, the scan first."""
    if isinstance(CELLS[cell_name](1, 1).form, Linear):
        return {"scan": Scan(), "associative": Associative()}
    nonlinear: dict[str, Engine] = {"scan": Scan(), "fused": Fused(), "newton diagonal": Newton()}
    return nonlinear | {"newton full": Newton("full")} if options.hidden <= 8 else nonlinear


def make_calls(cell_name: str, length: int, options: Options) -> tuple[dict, dict[str, str]]:
    """Return the calls by pass and engine, and the iterations of Newton's method by engine."""
    cell = CELLS[cell_name](options.hidden, options.hidden)
    params = cell.init(jax.random.key(0))
    xs = jax.random.normal(jax.random.key(1), (length, options.batch, options.hidden))
    passes: dict[str, dict[str, Callable]] = {"forward": {}, "gradient": {}}
    iterations = {}

    def loss(params, xs, engine):
        return jnp.mean(jnp.square(unroll(cell, params, xs, engine=engine)[0]))

    for name, engine in engines(cell_name, options).items():
        forward = partial(unroll, cell, engine=engine)
        gradient = jax.grad(partial(loss, engine=engine))
        passes["forward"][name] = compile_call(forward, params, xs).call
        passes["gradient"][name] = compile_call(gradient, params, xs).call
        if isinstance(engine, Newton):
            solve = compile_call(partial(newton_iterations, cell, engine=engine), params, xs)
            steps, converged = solve.call()
            iterations[name] = f"{int(steps)}{'' if converged else '*'}"
    return passes, iterations


def measure_rows(options: Options) -> Iterator[Row]:
    """Yield a row for every cell, length, pass and engine."""
    about = {"batch": options.batch, "hidden": options.hidden, "clock": options.clock}
    for cell_name, length in product(options.cells, options.lengths):
        passes, iterations = make_calls(cell_name, length, options)
        for kind, calls in passes.items():
            samples = measure(calls, options.seconds, CLOCKS[options.clock])
            for engine in calls:
                yield about | {
                    "name": f"{cell_name} {engine} B={options.batch} T={length} H={options.hidden}",
                    "pass": kind,
                    "cell": cell_name,
                    "length": length,
                    "engine": engine,
                    "milliseconds": 1000 * median(samples.quiet(engine)[0]),
                    "of_scan": ratio(samples, engine, "scan").median,
                    "iterations": iterations.get(engine, ""),
                }


def main() -> None:
    """Print the table, and save it if there is an output file."""
    name = "benchmarks.long_sequences"
    options = tyro.cli(Options, prog=f"python -m {name}", description=__doc__)
    print(f"B={options.batch} H={options.hidden} float32, {jax.devices()[0].platform}, ", end="")
    print(f"{options.clock} time, jax {jax.__version__}")
    print(*table_header("cell", "T", "pass", "engine", "ms", "of scan", "iterations"), sep="\n")
    for row in measure_rows(options):
        cells = [row[key] for key in ("cell", "length", "pass", "engine")]
        times = [f"{row['milliseconds']:.2f}", f"{row['of_scan']:.2f}", row["iterations"]]
        print(table_row(*cells, *times), flush=True)
        if options.output:
            merge_results(options.output, "long_sequences", [row], command_line(name))


if __name__ == "__main__":
    main()
