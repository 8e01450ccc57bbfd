"""Memory of backprop through time with and without ``chunk``, by the compiler's own account.

python -m benchmarks.chunk_memory
"""

import jax
import jax.numpy as jnp

from seqmodels.cells.registry import CELLS
from seqmodels.unroll import unroll

T, B, D, H = 4096, 16, 64, 128


def temporary_bytes(name: str, engine: str, chunk: int | None) -> int:
    """Temporary memory of the gradient of a loss on the last output."""
    cell = CELLS[name](D, H)

    def loss(params, xs):
        ys, _ = unroll(cell, params, xs, chunk=chunk, engine=engine)
        return jnp.sum(ys[-1])

    params = jax.eval_shape(cell.init, jax.random.key(0))
    xs = jax.ShapeDtypeStruct((T, B, D), jnp.float32)
    compiled = jax.jit(jax.grad(loss)).lower(params, xs).compile()
    analysis = compiled.memory_analysis()
    assert analysis is not None
    return analysis.temp_size_in_bytes


def main() -> None:
    """A table of megabytes."""
    print(f"T={T} B={B} D={D} H={H} float32, {jax.devices()[0].platform}, jax {jax.__version__}")
    print("cell  engine       chunk     MB")
    for name, engine in (("lstm", "scan"), ("lstm", "fused"), ("gru", "fused")):
        for chunk in (None, 256, 64):
            size = temporary_bytes(name, engine, chunk) / 1e6
            print(f"{name:<5} {engine:<9} {chunk or 'none':>8} {size:>6.0f}")


if __name__ == "__main__":
    main()
