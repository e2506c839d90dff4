"""Records between the fetch and an agent: how many there are, and waiting until there are fewer."""

from __future__ import annotations

import asyncio
from typing import Final

MOST_RECORDS: Final = 60_000
"""Dispatched to agents and not yet taken, over all partitions; more wait in the fetcher and on the broker."""


class UnderWay:
    """Counts records from dispatch until an agent has taken them."""

    def __init__(self) -> None:
        self.records = 0
        self._progress = asyncio.Event()

    def dispatched(self, records: int) -> None:
        """Records are on their way to an agent."""
        self.records += records

    def taken(self, records: int) -> None:
        """An agent has taken records."""
        self.records = max(0, self.records - records)
        self._progress.set()

    def forget(self) -> None:
        """What was on its way will not arrive (a rebalance)."""
        self.records = 0
        self._progress.set()

    async def room(self, timeout_s: float) -> None:
        """Wait while there are too many, at most `timeout_s`."""
        while self.records > MOST_RECORDS:
            self._progress.clear()
            try:
                await asyncio.wait_for(self._progress.wait(), timeout_s)
            except TimeoutError:
                return
