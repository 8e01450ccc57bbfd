"""Several hosts that train as one: who speaks and writes, and what all must agree on.

Every host runs the same command.  ``jax.distributed`` joins them; arrays then lie on the devices
of all, each host gives its own devices their rows of a batch, orbax writes a checkpoint together,
and the first host alone prints and writes the run's small files.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from seqmodels.errors import UserError


@dataclass(frozen=True)
class Hosts:
    """How several hosts find each other; one host alone needs none of it."""

    coordinator: str | None = None
    """ADDRESS:PORT of the first of several hosts, or 'auto' to ask the cluster's environment."""

    processes: int = 1
    """Number of hosts; with --coordinator auto the environment tells."""

    process: int = 0
    """This host's number, from 0; with --coordinator auto the environment tells."""

    host_timeout: int = 100
    """Seconds without a sign of life after which a host counts as lost and all others stop."""


def join(hosts: Hosts) -> None:
    """Join the other hosts; all but the first fall silent."""
    if hosts.coordinator is None:
        return
    import jax

    known: dict[str, Any] = {
        "coordinator_address": hosts.coordinator,
        "num_processes": hosts.processes,
        "process_id": hosts.process,
    }
    try:
        jax.distributed.initialize(
            **({} if hosts.coordinator == "auto" else known),
            heartbeat_timeout_seconds=hosts.host_timeout,
        )
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--coordinator {hosts.coordinator}: cannot join ({reason})") from error
    if not is_first():
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (open as long as the process)


def is_first() -> bool:
    """Whether this host is the one that writes; also where there is only one."""
    import jax

    return jax.process_index() == 0


def agree(text: str) -> str:
    """The first host's text, on all hosts."""
    import jax

    if jax.process_count() == 1:
        return text
    import numpy as np
    from jax.experimental import multihost_utils

    letters = np.zeros(4096, np.uint8)
    encoded = np.frombuffer(text.encode(), np.uint8)
    letters[: len(encoded)] = encoded
    told = multihost_utils.broadcast_one_to_all(letters)
    return bytes(told).rstrip(b"\0").decode()


def heard(number: int | None) -> int | None:
    """A signal that any host has received, so that all of them stop after the same step."""
    import jax

    if jax.process_count() == 1:
        return number
    import numpy as np
    from jax.experimental import multihost_utils

    return int(multihost_utils.process_allgather(np.int32(number or 0)).max()) or None


def by_first(write: Callable[..., None]) -> Callable[..., None]:
    """Only the first host writes; the others may read what it wrote."""

    @wraps(write)
    def guarded(*arguments: Any, **named: Any) -> None:
        if is_first():
            write(*arguments, **named)

    return guarded
