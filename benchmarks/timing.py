"""Times of several candidates, interleaved in one process, without samples that others disturbed.

Every round visits each candidate for about ``SAMPLE`` seconds, in an order that rotates; a visit
starts with one call that isn't timed, unless a call takes more than ``LONG`` seconds, and keeps the
best of the others.  Linux counts how long each
of our threads waited for a core that another had (``/proc/self/task/*/schedstat``); a visit during
which they waited for more than ``TOLERANCE`` of its time is dropped.  A ratio pairs visits of the
same round, so a slow drift of the machine cancels.

On a machine that is never quiet, ``CLOCKS["cpu"]`` counts the processor time of all our threads
instead: the work done, whoever else is running.
"""

import gc
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SAMPLE = 0.02
LONG = 0.1  # what the last candidate left in caches and spinning threads is nothing beside this
TOLERANCE = 0.1

Call = Callable[[], object]
Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}


class Sample(NamedTuple):
    """Seconds of a visit's best call, and the fraction of the visit in which our threads waited."""

    seconds: float
    waited: float


class Samples(NamedTuple):
    """Samples by candidate, round by round."""

    rounds: list[dict[str, Sample]]

    def quiet(self, *names: str) -> list[list[float]]:
        """Seconds of the candidates in rounds quiet for all of them; the quietest where too few."""

        def waited(samples: dict[str, Sample]) -> float:
            return max(samples[name].waited for name in names)

        kept = [samples for samples in self.rounds if waited(samples) <= TOLERANCE]
        if len(kept) < 4:
            kept = sorted(self.rounds, key=waited)[: max(4, len(self.rounds) // 5)]
        return [[samples[name].seconds for samples in kept] for name in names]

    def disturbed(self, name: str) -> float:
        """The fraction of a candidate's samples that others disturbed."""
        waits = [samples[name].waited > TOLERANCE for samples in self.rounds]
        return sum(waits) / len(waits)


class Ratio(NamedTuple):
    """The median of paired ratios, and their quartiles."""

    median: float
    low: float
    high: float


def measure(
    calls: dict[str, Call], budget: float, clock: Clock = time.perf_counter, rounds: int = 200
) -> Samples:
    """Rounds until ``budget`` seconds are spent; at least eight."""
    once = {name: estimate(call, clock) for name, call in calls.items()}
    names, end = list(calls), time.perf_counter() + budget
    found: list[dict[str, Sample]] = []
    gc.disable()
    try:
        while len(found) < rounds and (len(found) < 8 or time.perf_counter() < end):
            shift = len(found) % len(names)
            order = names[shift:] + names[:shift]
            found.append({name: sample(calls[name], once[name], clock) for name in order})
    finally:
        gc.enable()
    return Samples(found)


def estimate(call: Call, clock: Clock) -> float:
    """Seconds of one call after a first one; the best of three where it is short."""
    call()
    seconds = timed(call, clock)
    return seconds if seconds > LONG else min(seconds, timed(call, clock), timed(call, clock))


def sample(call: Call, once: float, clock: Clock) -> Sample:
    """The best of some calls that take about ``once`` seconds each."""
    time.sleep(0.0005)
    if once <= LONG:
        call()  # lets the last candidate's threads and caches go
    waited, start = waiting(), time.perf_counter()
    best = min(timed(call, clock) for _ in range(math.ceil(SAMPLE / once)))
    return Sample(best, (waiting() - waited) / (time.perf_counter() - start))


def timed(call: Call, clock: Clock) -> float:
    """Seconds of one call."""
    start = clock()
    call()
    return clock() - start


def ratio(samples: Samples, ours: str, theirs: str) -> Ratio:
    """How long ``ours`` takes, in units of ``theirs``, round by round."""
    ratios = [a / b for a, b in zip(*samples.quiet(ours, theirs), strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Ratio(median, low, high)


def waiting() -> float:
    """Seconds for which threads of this process have waited for a core; 0 off Linux."""
    files = Path("/proc/self/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[1]) for file in files) / 1e9
