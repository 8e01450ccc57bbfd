"""How many members of a population run at the same time."""

import os
from collections.abc import Callable
from typing import Any

import jax

from seqmodels.train.program import Program

TINY = 10_000  # parameters of a member; see docs/scale.md


def choose_slice(members: int, parameters: int) -> int:
    """All of them on an accelerator; on CPU one after the other unless the model is tiny.

    XLA's CPU backend gains nothing from matmuls batched over members with weights of their own;
    what ``vmap`` saves there is the cost of starting each small operation.
    """
    if jax.default_backend() != "cpu":
        return members
    return min(members, 16) if parameters < TINY else 1


def fit_memory(
    build: Callable[[int], Program], slice: int, arguments: tuple[Any, ...]
) -> tuple[Program, int]:
    """The program of the largest slice, halved as often as needed, whose temporaries have room."""
    while True:
        program = build(slice)
        if slice == 1 or program.temporary_bytes(*arguments) < free_bytes():
            return program, slice
        slice = -(-slice // 2)


def free_bytes() -> int:
    """Memory left on this process's first device."""
    device = jax.local_devices()[0]
    stats = device.memory_stats() or {}
    if "bytes_limit" in stats:
        return stats["bytes_limit"] - stats["bytes_in_use"]
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
