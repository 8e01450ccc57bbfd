"""Interleaved timing of several calls in one process, which drops disturbed samples.

Every round samples each call for about ``SAMPLE`` seconds, in rotating order.  A sample starts
with one untimed call, unless a call takes more than ``LONG`` seconds, and keeps the shortest of the
timed ones.  Linux counts how long each of our threads waited for a core
(``/proc/self/task/*/schedstat``); a sample is dropped if they waited for more than ``TOLERANCE`` of
its duration.  A ratio pairs samples of the same round, so slow drift of the machine cancels.

On a machine with other load, ``CLOCKS["cpu"]`` measures the processor time of all our threads
instead of elapsed time.
"""

import gc
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SAMPLE = 0.02
LONG = 0.1  # caches and spinning threads left by the previous call do not matter beyond this
TOLERANCE = 0.1

Call = Callable[[], object]
Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}


class Sample(NamedTuple):
    """Seconds of the shortest call, and the fraction of the sample in which our threads waited."""

    seconds: float
    waited: float


class Samples(NamedTuple):
    """Samples of every call, by round."""

    rounds: list[dict[str, Sample]]

    def quiet(self, *names: str) -> list[list[float]]:
        """Return each call's seconds in the rounds that were undisturbed for all of them.

        With fewer than four such rounds, return the least disturbed ones.
        """

        def waited(samples: dict[str, Sample]) -> float:
            return max(samples[name].waited for name in names)

        rounds = [samples for samples in self.rounds if waited(samples) <= TOLERANCE]
        if len(rounds) < 4:
            rounds = sorted(self.rounds, key=waited)[: max(4, len(self.rounds) // 5)]
        return [[samples[name].seconds for samples in rounds] for name in names]

    def disturbed(self, name: str) -> float:
        """Return the fraction of a call's samples that other processes disturbed."""
        waits = [samples[name].waited > TOLERANCE for samples in self.rounds]
        return sum(waits) / len(waits)


class Ratio(NamedTuple):
    """Median and quartiles of paired ratios."""

    median: float
    low: float
    high: float


def measure(
    calls: dict[str, Call], budget: float, clock: Clock = time.perf_counter, rounds: int = 200
) -> Samples:
    """Sample all calls for ``budget`` seconds: at least eight rounds, at most ``rounds``."""
    once = {name: estimate(call, clock) for name, call in calls.items()}
    names, end = list(calls), time.perf_counter() + budget
    samples: list[dict[str, Sample]] = []
    gc.disable()
    try:
        while len(samples) < rounds and (len(samples) < 8 or time.perf_counter() < end):
            shift = len(samples) % len(names)
            order = names[shift:] + names[:shift]
            samples.append({name: sample(calls[name], once[name], clock) for name in order})
    finally:
        gc.enable()
    return Samples(samples)


def estimate(call: Call, clock: Clock) -> float:
    """Return the seconds of one call after a warm-up; of the shortest of three if it is short."""
    call()
    seconds = time_call(call, clock)
    return (
        seconds if seconds > LONG else min(seconds, time_call(call, clock), time_call(call, clock))
    )


def sample(call: Call, once: float, clock: Clock) -> Sample:
    """Return the shortest of several calls that take about ``once`` seconds each."""
    time.sleep(0.0005)
    if once <= LONG:
        call()  # evicts the caches and parks the threads of the previous call
    waited, start = seconds_waited(), time.perf_counter()
    best = min(time_call(call, clock) for _ in range(math.ceil(SAMPLE / once)))
    return Sample(best, (seconds_waited() - waited) / (time.perf_counter() - start))


def time_call(call: Call, clock: Clock) -> float:
    """Return the seconds of one call."""
    start = clock()
    call()
    return clock() - start


def ratio(samples: Samples, ours: str, theirs: str) -> Ratio:
    """Return the ratio of the times of ``ours`` and ``theirs``, paired by round."""
    ratios = [a / b for a, b in zip(*samples.quiet(ours, theirs), strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Ratio(median, low, high)


def seconds_waited() -> float:
    """Return the seconds that threads of this process have waited for a core; 0 off Linux."""
    files = Path("/proc/self/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[1]) for file in files) / 1e9
