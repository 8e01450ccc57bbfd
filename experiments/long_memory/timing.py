"""Duration of a gradient."""

import time
from typing import Any

import jax

from seqmodels.types import Params, Task


def gradient_seconds(
    task: Task, params: Params, rates: dict[str, Any], batch: Any, repeats: int = 5
) -> float:
    """Return the seconds of one gradient of a task's loss, the minimum of several.

    Compilation is not included.
    """
    memory, key = task.memory(params, batch), jax.random.key(0)
    arguments = jax.device_put((params, rates, memory, batch, key))
    compiled = jax.jit(jax.grad(task.loss, has_aux=True)).lower(*arguments).compile()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        seconds.append(time.perf_counter() - begin)
    return min(seconds)
