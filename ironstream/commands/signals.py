"""Ctrl-C and SIGTERM as an event, for commands that have to stop their children in order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Stop:
    """Set once the user, or the system, wants the command to end."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def requested(self) -> bool:
        """Whether the command is to end."""
        return self._event.is_set()

    def request(self) -> None:
        """Ask for the end."""
        self._event.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait at most so long; whether the command is to end."""
        return self._event.wait(timeout_s)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """SIGINT and SIGTERM set the event while it is entered; a third Ctrl-C is an ordinary KeyboardInterrupt again."""
    stop = Stop()
    count = 0

    def handle(number: int, _: object) -> None:
        nonlocal count
        count += 1
        stop.request()
        if count > 2 and number == signal.SIGINT:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
