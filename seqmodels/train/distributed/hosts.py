"""Training on several hosts: initialization, and what the first host does for all.

Every host runs the same command. ``jax.distributed`` connects them. Arrays are then sharded over
the devices of all hosts, each host makes its own rows of a batch, orbax writes checkpoints
jointly, and only the first host prints and writes the run's small files.
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
    """Connection of several hosts; not needed on a single host."""

    coordinator: str | None = None
    """ADDRESS:PORT of the first host, or 'auto' to read the cluster's environment."""

    processes: int = 1
    """Number of hosts; not needed with --coordinator auto."""

    process: int = 0
    """Index of this host, from 0; not needed with --coordinator auto."""

    host_timeout: int = 100
    """Seconds without a heartbeat after which a host counts as lost and all others stop."""


def connect(hosts: Hosts) -> None:
    """Connect to the other hosts, and silence stdout on all but the first."""
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
        raise UserError(f"--coordinator {hosts.coordinator}: cannot connect ({reason})") from error
    if not is_first_host():
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (open for the life of the process)


def is_first_host() -> bool:
    """Return whether this is the first host, or the only one."""
    import jax

    return jax.process_index() == 0


def broadcast_text(text: str) -> str:
    """Return the first host's text on all hosts."""
    import jax

    if jax.process_count() == 1:
        return text
    import numpy as np
    from jax.experimental import multihost_utils

    letters = np.zeros(4096, np.uint8)
    encoded = np.frombuffer(text.encode(), np.uint8)
    letters[: len(encoded)] = encoded
    received = multihost_utils.broadcast_one_to_all(letters)
    return bytes(received).rstrip(b"\0").decode()


def any_host_signal(number: int | None) -> int | None:
    """Return a signal that any host has received, so that all stop after the same step."""
    import jax

    if jax.process_count() == 1:
        return number
    import numpy as np
    from jax.experimental import multihost_utils

    return int(multihost_utils.process_allgather(np.int32(number or 0)).max()) or None


def gather(tree: Any) -> Any:
    """Return arrays on this host, also those that lie on devices of other hosts."""
    import jax
    from jax.experimental import multihost_utils

    def whole(leaf: Any) -> Any:
        local = leaf.is_fully_addressable or leaf.is_fully_replicated
        return leaf if local else multihost_utils.process_allgather(leaf, tiled=True)

    several = jax.process_count() > 1
    return jax.device_get(jax.tree.map(whole, tree) if several else tree)


def on_first_host(write: Callable[..., None]) -> Callable[..., None]:
    """Decorate a function that only the first host calls; the others may read what it wrote."""

    @wraps(write)
    def guarded(*arguments: Any, **named: Any) -> None:
        if is_first_host():
            write(*arguments, **named)

    return guarded
