"""Faults of reads in the log of a pipeline: a device that talks nonsense must not fill it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ironstream.gateway.adapter import Fault
from ironstream.gateway.logs import AdapterLog

_LINES: Final = 10
_WINDOW_S: Final = 60.0


@dataclass(slots=True)
class _Window:
    """One kind of fault from its first line on."""

    ends: asyncio.TimerHandle
    told: set[str] = field(default_factory=set)
    lines: int = 0
    more: int = 0


class FaultLog:
    """At most `lines` lines of a kind in `window_s`, each of another message; then one with the number of the others.

    A message that comes again is one of the others, unless what it told of was `mended`. Needs a running event loop.
    """

    def __init__(self, log: AdapterLog, *, lines: int = _LINES, window_s: float = _WINDOW_S) -> None:
        self._log = log
        self._lines = lines
        self._window_s = window_s
        self._windows: dict[str, _Window] = {}

    def tell(self, fault: Fault) -> None:
        """Write the fault, or count it."""
        window = self._windows.get(fault.kind)
        if window is None:
            ends = asyncio.get_running_loop().call_later(self._window_s, self._end, fault.kind)
            window = self._windows[fault.kind] = _Window(ends)
        if fault.message in window.told or window.lines >= self._lines:
            window.more += 1
            return
        window.told.add(fault.message)
        window.lines += 1
        self._log.warning("read_fault", kind=fault.kind, error=fault.message)

    def mended(self, messages: Iterable[str]) -> None:
        """What these told of is over: when it comes again, that is news."""
        for window in self._windows.values():
            window.told.difference_update(messages)

    def close(self) -> None:
        """Say now what was not told yet."""
        for kind in list(self._windows):
            self._end(kind)

    def _end(self, kind: str) -> None:
        window = self._windows.pop(kind)
        window.ends.cancel()
        if window.more:
            self._log.warning("more_read_faults", kind=kind, count=window.more, error=f"and {window.more} more")
