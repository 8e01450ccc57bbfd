"""Memory of backpropagation through time with and without ``chunk``, as XLA reports it.

python -m benchmarks.chunk_memory
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import tyro

from benchmarks.implementation import compile_call
from benchmarks.page_tables import chunk_memory_table
from benchmarks.rows import Row, command_line, merge_results
from seqmodels.cells.registry import CELLS
from seqmodels.unroll import unroll

T, B, D, H = 4096, 16, 64, 128
ENGINES = (("lstm", "scan"), ("lstm", "fused"), ("gru", "fused"))
CHUNKS = (None, 256, 64)


def temporary_bytes(name: str, engine: str, chunk: int | None) -> int:
    """Return the temporary memory of the gradient of a loss on the last output."""
    cell = CELLS[name](D, H)

    def loss(params, xs):
        ys, _ = unroll(cell, params, xs, chunk=chunk, engine=engine)
        return jnp.sum(ys[-1])

    params = jax.eval_shape(cell.init, jax.random.key(0))
    xs = jax.ShapeDtypeStruct((T, B, D), jnp.float32)
    return compile_call(jax.grad(loss), params, xs).temporary_bytes or 0


def measure_rows() -> Iterator[Row]:
    """Yield a row for every cell, engine and chunk."""
    for (cell, engine), chunk in product(ENGINES, CHUNKS):
        megabytes = temporary_bytes(cell, engine, chunk) / 1e6
        row = {"cell": cell, "engine": engine, "chunk": chunk, "megabytes": megabytes}
        yield {"name": f"{cell} {engine} chunk={chunk}"} | row


def main(
    output: Annotated[
        Path | None, tyro.conf.arg(help="JSON file that the rows are merged into.")
    ] = None,
) -> None:
    """Print a table of megabytes."""
    print(f"T={T} B={B} D={D} H={H} float32, {jax.devices()[0].platform}, jax {jax.__version__}")
    rows = list(measure_rows())
    print("\n".join(chunk_memory_table(rows)))
    if output:
        merge_results(output, "chunk_memory", rows, command_line("benchmarks.chunk_memory"))


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.chunk_memory", description=__doc__)
