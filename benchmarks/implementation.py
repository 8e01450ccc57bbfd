"""Implementations of a benchmark case, and how to make one from a pure JAX function."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.cases import Case, Inputs


class Unsupported(Exception):
    """Raised when a library does not support a case; the message names the missing feature."""


class Implementation(NamedTuple):
    """One pass of a case in one library; ``call`` blocks until its result is ready."""

    call: Callable[[], Any]
    compile_seconds: float | None = None
    peak_bytes: int | None = None  # temporary and output buffers
    temporary_bytes: int | None = None


class Model(NamedTuple):
    """A JAX model: ``apply(params, xs) -> ys``, time-major unless ``batch_first``."""

    apply: Callable[[Any, jax.Array], jax.Array]
    params: Any
    batch_first: bool = False


def compile_call(function: Callable[..., Any], *arguments: Any) -> Implementation:
    """Compile a function for its arguments; record the compile time and XLA's memory analysis.

    Arguments may be ``jax.ShapeDtypeStruct`` if only the memory matters.
    """
    start = time.perf_counter()
    program = jax.jit(function).lower(*arguments).compile()
    seconds = time.perf_counter() - start
    memory: Any = program.memory_analysis()
    temporary, output = memory.temp_size_in_bytes, memory.output_size_in_bytes

    def call() -> Any:
        return jax.block_until_ready(program(*arguments))

    return Implementation(call, seconds, temporary + output, temporary)


def implement(
    make: Callable[[jax.Array], Model], case: Case, inputs: Inputs
) -> dict[str, Implementation]:
    """Return both passes of the model ``make(key)``, by name.

    "forward" computes the outputs.  "gradient" also computes the gradients of the parameters and
    the inputs.
    """
    dtype, members = jnp.dtype(case.dtype), case.members
    model = make(jax.random.key(0))

    def loss(params: Any, xs: jax.Array, cotangent: jax.Array) -> jax.Array:
        return jnp.sum(model.apply(params, xs).astype(jnp.float32) * cotangent)

    forward, gradient, params = model.apply, jax.value_and_grad(loss, (0, 1)), model.params
    if members > 1:
        forward, gradient = jax.vmap(forward), jax.vmap(gradient)
        params = jax.tree.map(
            lambda a: jnp.stack([a * (1 + 0.01 * m) for m in range(members)]), params
        )
    swap = (lambda a: np.swapaxes(a, -3, -2)) if model.batch_first else (lambda a: a)
    xs, cotangent = jnp.asarray(swap(inputs.xs), dtype), jnp.asarray(swap(inputs.cotangent))
    return {
        "forward": compile_call(forward, params, xs),
        "gradient": compile_call(gradient, params, xs, cotangent),
    }
