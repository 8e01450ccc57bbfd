"""Stack, place and prefetch batches.

windows -> pieces of one shape -> stacked -> placed     (in a background thread)
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh

from seqmodels.data.batching import Batches
from seqmodels.train.distributed.devices import own_rows, place
from seqmodels.types import PyTree

T = TypeVar("T")


def shape_of(batch: PyTree) -> Any:
    """Return the structure, shapes and dtypes of a pytree of arrays as a hashable value."""
    leaves, structure = jax.tree.flatten(batch)
    return structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)


def pieces(
    batches: Callable[[int], T], start: int, stop: int, key: Callable[[T], Any] = shape_of
) -> Iterator[list[T]]:
    """Yield the batches ``start..stop``, cut where shapes change.

    A piece is the whole window or a power of two long. A scan is compiled for each length, and
    this keeps the lengths few. Cuts do not depend on where the window began, so a resumed run has
    the same ones as an uninterrupted run.
    """
    window = [batches(step) for step in range(start, stop)]
    runs = [list(run) for _, run in groupby(window, key=key)]
    for run in runs:
        while run:
            size = len(run) if len(runs) == 1 else 1 << (len(run).bit_length() - 1)
            yield run[:size]
            run = run[size:]


def windows(start: int, stop: int, dispatch: int, every: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of ``dispatch`` steps that restart at each multiple of ``every``."""
    while start < stop:
        passed = start % every
        end = min(stop, start - passed + every, start + dispatch - passed % dispatch)
        yield start, end
        start = end


def count_programs(
    batches: Batches, start: int, stop: int, dispatch: int, every: int = 1 << 60
) -> int:
    """Return how many shapes the chunks of ``feed`` have; a program is compiled for each."""
    shapes = {
        (piece[0], len(piece))
        for window in windows(start, stop, dispatch, every)
        for piece in pieces(batches.bucket_at, *window, key=int)
    }
    return len(shapes)


def stack_batches(batches: Sequence[PyTree]) -> PyTree:
    """Stack K batches of one shape on a leading axis."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *batches)


class HostBatch(NamedTuple):
    """This host's part of a batch, and the rows of the whole batch (None if it is the whole)."""

    batch: PyTree
    rows: int | None


def host_batch(batches: Batches, step: int, mesh: Mesh | None) -> HostBatch:
    """Make the rows of a batch that lie on this host's devices."""
    if batches.rows is None:
        return HostBatch(batches(step), None)
    rows = batches.rows(step)
    return HostBatch(batches(step, own_rows(rows, mesh)), rows)


@contextmanager
def feed(
    batches: Batches,
    start: int,
    stop: int,
    dispatch: int,
    every: int = 1 << 60,
    mesh: Mesh | None = None,
) -> Iterator[Iterator[tuple[PyTree, int]]]:
    """Yield chunks of up to ``dispatch`` steps from ``start`` to ``stop``, each with its size."""

    def chunks() -> Iterator[tuple[PyTree, int]]:
        make = partial(host_batch, batches, mesh=mesh)
        for window in windows(start, stop, dispatch, every):
            for piece in pieces(make, *window, key=lambda one: (shape_of(one.batch), one.rows)):
                chunk = stack_batches([one.batch for one in piece])
                yield place(chunk, mesh, batches.batch_axis, piece[0].rows), len(piece)

    ready = prefetch(chunks())
    try:
        yield ready
    finally:
        ready.close()


def prefetch(items: Iterator[T], ahead: int = 2) -> Generator[T]:
    """Yield the items, which a background thread makes up to ``ahead`` in advance."""
    ready: queue.Queue = queue.Queue(ahead)
    stopped = threading.Event()

    def put(item: Any) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    return
            put((None, StopIteration()))
        except BaseException as error:  # raised in the consumer
            put((None, error))

    thread = threading.Thread(target=work, daemon=True, name="prefetch")
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item
    finally:
        stopped.set()
        thread.join()
