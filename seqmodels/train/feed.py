"""From a function of the step number to stacked batches on the device, ready before they are due.

windows -> pieces of one shape -> stacked -> placed     (in a background thread)
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import jax
import numpy as np

from seqmodels.train.distributed.devices import own_rows, place
from seqmodels.types import PyTree

T = TypeVar("T")


@runtime_checkable
class Batches(Protocol):
    """Training data: step number -> one host batch, so that data position and step are one.

    ``batch_axis`` (optional attribute) is a prefix pytree of a batch that tells the batch axis of
    each leaf; it lets several devices share a batch.  With ``rows(step)`` and a second argument,
    the slice of rows to make, each of several hosts makes only its own (``data.batching``).
    """

    @property
    def steps_per_epoch(self) -> int: ...

    def __call__(self, step: int) -> PyTree: ...


def shape_of(batch: PyTree) -> Any:
    """Hashable structure, shapes and dtypes of a pytree of arrays (traced, abstract or not)."""
    leaves, structure = jax.tree.flatten(batch)
    return structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)


def pieces(
    batches: Callable[[int], T], start: int, stop: int, key: Callable[[T], Any] = shape_of
) -> Iterator[list[T]]:
    """Batches ``start..stop`` cut where shapes change.

    A piece is the whole window, or else a power of two long: a scan is compiled for each length,
    and this keeps lengths few.  What follows a cut does not depend on where the window began, so
    a resumed run cuts as the uninterrupted one.
    """
    window = [batches(step) for step in range(start, stop)]
    runs = [list(run) for _, run in groupby(window, key=key)]
    for run in runs:
        while run:
            size = len(run) if len(runs) == 1 else 1 << (len(run).bit_length() - 1)
            yield run[:size]
            run = run[size:]


def windows(start: int, stop: int, dispatch: int, every: int) -> Iterator[tuple[int, int]]:
    """Ranges of ``dispatch`` steps counted from each multiple of ``every``, where one ends too."""
    while start < stop:
        passed = start % every
        end = min(stop, start - passed + every, start + dispatch - passed % dispatch)
        yield start, end
        start = end


def stack(batches: Sequence[PyTree]) -> PyTree:
    """K batches of one shape as one pytree with a leading axis K."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *batches)


class Own(NamedTuple):
    """This host's part of a batch of ``rows`` rows; None where it makes the whole batch."""

    batch: PyTree
    rows: int | None


@contextmanager
def feed(
    batches: Batches, start: int, stop: int, dispatch: int, every: int = 1 << 60, mesh=None
) -> Iterator[Iterator[tuple[PyTree, int]]]:
    """Chunks of up to ``dispatch`` steps from ``start`` to ``stop``, each with its size."""

    made: Any = batches

    def own(step: int) -> Own:
        if not hasattr(made, "rows"):
            return Own(made(step), None)
        rows = made.rows(step)
        return Own(made(step, own_rows(rows, mesh)), rows)

    def chunks() -> Iterator[tuple[PyTree, int]]:
        axis = getattr(batches, "batch_axis", None)
        for window in windows(start, stop, dispatch, every):
            for piece in pieces(own, *window, key=lambda one: (shape_of(one.batch), one.rows)):
                chunk = stack([one.batch for one in piece])
                yield place(chunk, mesh, axis, piece[0].rows), len(piece)

    ready = prefetch(chunks())
    try:
        yield ready
    finally:
        ready.close()


def prefetch(items: Iterator[T], ahead: int = 2) -> Generator[T]:
    """The same items, made in a background thread up to ``ahead`` early."""
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
        except BaseException as error:  # handed to the consumer, whatever it is
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
