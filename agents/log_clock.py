"""The clock of one partition: the append times of its log."""

from __future__ import annotations

from typing import Final

from agents.rows import LiveRows
from ironstream.domain.times import MAX_US
from ironstream.engine.api import Store
from tables.clock import CLOCK, CLOCK_ROW, Clock

LAST_MS: Final = MAX_US // 1000
"""A topic that takes its clients' timestamps may carry any number; times must still be writable as ISO-8601."""


class LogClock:
    """`now_ms` (ms since the epoch) never goes back, though a broker's clock may, nor at a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows = LiveRows(CLOCK, store)
        self.now_ms = self._rows.get(CLOCK_ROW, Clock()).now_ms

    def advance(self, timestamp_ms: int) -> None:
        """Take the append time of the next record of the log, whatever kind of record it is."""
        self.now_ms = max(self.now_ms, min(timestamp_ms, LAST_MS))

    def flush(self) -> None:
        """Write the row if the clock has moved and there is a commit to write it in; call this after all other rows.

        Where only time has passed, the ticks that say so are read again after a restart.
        """
        if self._store.has_changes and self._rows.get(CLOCK_ROW, Clock()).now_ms != self.now_ms:
            self._rows[CLOCK_ROW] = Clock(self.now_ms)
        self._rows.flush()
