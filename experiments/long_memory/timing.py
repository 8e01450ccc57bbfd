"""How long a gradient takes."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import jax

from seqmodels.engines import ENGINES
from seqmodels.errors import UserError
from seqmodels.types import Params, Task


def gradient_seconds(
    task: Task, params: Params, hyper: dict[str, Any], batch: Any, repeats: int = 5
) -> float:
    """Seconds of one gradient of a task's loss, the fastest of several, without compilation."""
    memory, key = task.memory(params, batch), jax.random.key(0)
    arguments = jax.device_put((params, hyper, memory, batch, key))
    compiled = jax.jit(jax.grad(task.loss, has_aux=True)).lower(*arguments).compile()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def print_engine_times(seconds: Callable[[str, int], float], lengths: tuple[int, ...]) -> None:
    """A table of milliseconds: a row for each engine that does not refuse, a column for each T."""
    print("ms by engine " + "".join(f"{f'T={length}':>10}" for length in lengths))
    for engine in ENGINES:
        with suppress(UserError):  # of an engine that does not take this cell
            times = [f"{1000 * seconds(engine, length):10.1f}" for length in lengths]
            print(f"{engine:<13}" + "".join(times))
