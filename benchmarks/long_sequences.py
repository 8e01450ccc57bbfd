"""The parallel engines against the scan on long sequences: python -m benchmarks.long_sequences

Milliseconds and the median of paired ratios to ``scan`` (below 1: faster), with Newton's iterations
forwards; an asterisk where it did not converge and fell back on the scan.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Literal

import jax
import jax.numpy as jnp
import tyro

from benchmarks.timing import CLOCKS, measure, ratio
from seqmodels.cells.registry import CELLS
from seqmodels.engines import Engine
from seqmodels.engines.associative import Associative
from seqmodels.engines.fused import Fused
from seqmodels.engines.newton import Newton, newton_steps
from seqmodels.engines.scan import Scan
from seqmodels.types import Array, Linear, Params
from seqmodels.unroll import unroll


@dataclass(frozen=True)
class Options:
    """What to time."""

    lengths: tuple[int, ...] = (1_000, 10_000, 100_000)
    """Values of T."""
    cells: tuple[str, ...] = ("min_gru", "gru", "lstm")
    """Names of cells."""
    batch: int = 4
    """Sequences side by side."""
    hidden: int = 4
    """Units, and features of an input."""
    seconds: float = 2.0
    """Time for each pass of each cell at each length."""
    clock: Literal["wall", "cpu"] = "wall"
    """cpu counts the processor time of all threads, for a machine that is never quiet."""


def engines(cell_name: str, options: Options) -> dict[str, Engine]:
    """The engines that take a cell, the scan first."""
    if isinstance(CELLS[cell_name](1, 1).form, Linear):
        return {"scan": Scan(), "associative": Associative()}
    found: dict[str, Engine] = {"scan": Scan(), "fused": Fused(), "newton diagonal": Newton()}
    return found | {"newton full": Newton("full")} if options.hidden <= 8 else found


def compiled(function: Callable, params: Params, xs: Array) -> Callable:
    """A call of a compiled function that waits for its result."""
    program = jax.jit(function).lower(params, xs).compile()
    return lambda: jax.block_until_ready(program(params, xs))


def calls(cell_name: str, length: int, options: Options) -> tuple[dict, dict[str, str]]:
    """Calls by pass and engine, and the iterations of those that iterate."""
    cell = CELLS[cell_name](options.hidden, options.hidden)
    params = cell.init(jax.random.key(0))
    xs = jax.random.normal(jax.random.key(1), (length, options.batch, options.hidden))
    passes: dict[str, dict[str, Callable]] = {"forward": {}, "gradient": {}}
    notes = {}

    def loss(params, xs, engine):
        return jnp.mean(jnp.square(unroll(cell, params, xs, engine=engine)[0]))

    for name, engine in engines(cell_name, options).items():
        forward = partial(unroll, cell, engine=engine)
        gradient = jax.grad(partial(loss, engine=engine))
        passes["forward"][name] = compiled(forward, params, xs)
        passes["gradient"][name] = compiled(gradient, params, xs)
        if isinstance(engine, Newton):
            steps, converged = compiled(partial(newton_steps, cell, engine=engine), params, xs)()
            notes[name] = f"{int(steps)}{'' if converged else '*'}"
    return passes, notes


def rows(options: Options) -> Iterator[str]:
    """The lines of the table, as they are measured."""
    for cell_name in options.cells:
        for length in options.lengths:
            passes, notes = calls(cell_name, length, options)
            for label, candidates in passes.items():
                samples = measure(candidates, options.seconds, CLOCKS[options.clock])
                for name in candidates:
                    milliseconds = 1000 * median(samples.quiet(name)[0])
                    found = ratio(samples, name, "scan").median
                    yield (
                        f"| {cell_name} | {length} | {label} | {name} | {milliseconds:.2f} "
                        f"| {found:.2f} | {notes.get(name, '')} |"
                    )


def main() -> None:
    """Print the table."""
    options = tyro.cli(Options, prog="python -m benchmarks.long_sequences", description=__doc__)
    print(f"B={options.batch} H={options.hidden} float32, {jax.devices()[0].platform}, ", end="")
    print(f"{options.clock} time, jax {jax.__version__}")
    print("| cell | T | pass | engine | ms | of scan | iterations |\n|" + " --- |" * 7)
    for row in rows(options):
        print(row, flush=True)


if __name__ == "__main__":
    main()
