"""The number of members of a population to train at the same time."""

import os
from collections.abc import Callable
from typing import Any

import jax

from seqmodels.train.program import Program

SMALL = 10_000  # parameters of a member; see docs/scale.md


def choose_slice(members: int, parameters: int) -> int:
    """Return all members on an accelerator, and one on a CPU unless the model is small.

    XLA's CPU backend gains nothing from matmuls that are batched over members. There, ``vmap``
    only saves the cost of starting each small operation.
    """
    if jax.default_backend() != "cpu":
        return members
    return min(members, 16) if parameters < SMALL else 1


def fit_memory(
    build: Callable[[int], Program], slice: int, arguments: tuple[Any, ...]
) -> tuple[Program, int]:
    """Return the program of the largest slice (halved as needed) that fits into memory."""
    while True:
        program = build(slice)
        if slice == 1 or program.temporary_bytes(*arguments) < free_bytes():
            return program, slice
        slice = -(-slice // 2)


def free_bytes() -> int:
    """Return the free memory of this process's first device."""
    device = jax.local_devices()[0]
    stats = device.memory_stats() or {}
    if "bytes_limit" in stats:
        return stats["bytes_limit"] - stats["bytes_in_use"]
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
