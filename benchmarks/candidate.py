"""What a peer hands over, and how a pure JAX function becomes something that can be timed."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.cases import Case, Data


class Unsupported(Exception):
    """The library cannot do this case; the message says what is missing."""


class Candidate(NamedTuple):
    """Something to time: ``call`` returns when its result is there."""

    call: Callable[[], Any]
    compile_seconds: float | None = None
    peak_bytes: int | None = None  # temporary and output buffers


class Model(NamedTuple):
    """A model of a JAX library: ``apply(params, xs) -> ys``, time first unless ``batch_first``."""

    apply: Callable[[Any, jax.Array], jax.Array]
    params: Any
    batch_first: bool = False


def compiled(function: Callable[..., Any], *arguments: Any) -> Candidate:
    """A function compiled for its arguments, with the compiler's time and account of memory."""
    start = time.perf_counter()
    program = jax.jit(function).lower(*arguments).compile()
    seconds = time.perf_counter() - start
    memory: Any = program.memory_analysis()
    peak = memory.temp_size_in_bytes + memory.output_size_in_bytes
    return Candidate(lambda: jax.block_until_ready(program(*arguments)), seconds, peak)


def candidates(make: Callable[[jax.Array], Model], case: Case, data: Data) -> dict[str, Candidate]:
    """Forward, and forward with the gradients of parameters and inputs, of ``make(key)``."""
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
    xs, cotangent = jnp.asarray(swap(data.xs), dtype), jnp.asarray(swap(data.cotangent))
    return {
        "forward": compiled(forward, params, xs),
        "gradient": compiled(gradient, params, xs, cotangent),
    }
