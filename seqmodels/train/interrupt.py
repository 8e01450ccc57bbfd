"""Ctrl-C and SIGTERM as requests that training handles at the end of a chunk."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """Training was stopped by a signal, and the state at ``step`` was saved."""

    def __init__(self, signal_number: int, step: int):
        super().__init__(f"interrupted at step {step}")
        self.signal, self.step = signal_number, step


class Requests:
    """The signal that was received, if any."""

    signal: int | None = None


@contextmanager
def listen() -> Iterator[Requests]:
    """Record the first signal and restore the previous handlers for a second one."""
    requests = Requests()
    if threading.current_thread() is not threading.main_thread():
        yield requests  # only the main thread may handle signals
        return
    previous = {number: signal.getsignal(number) for number in SIGNALS}

    def handle(number, frame):
        requests.signal = number
        restore()

    def restore():
        for number, handler in previous.items():
            signal.signal(number, handler)

    for number in SIGNALS:
        signal.signal(number, handle)
    try:
        yield requests
    finally:
        restore()
