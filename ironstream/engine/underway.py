"""Records between the fetch and an agent: how many there are, and waiting until there are fewer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Final

MOST_RECORDS: Final = 60_000
"""Dispatched to agents and not yet taken, over all partitions; more wait in the fetcher and on the broker."""
CHUNK_RECORDS: Final = 15
"""A chunk counts as at least so many: small ones have their price too, and Faust's queue of a topic holds 4 096."""


class UnderWay:
    """Counts records from dispatch until an agent has taken them.

    Beyond MOST_RECORDS those topics are full that have their share of them or more. So one whose agent stands still
    fills memory no further, and the others go on.
    """

    def __init__(self) -> None:
        self.records = 0
        self._load: Counter[str] = Counter()
        self._progress = asyncio.Event()

    def dispatched(self, topic: str, records: int) -> None:
        """A chunk is on its way to the agent of a topic."""
        self.records += records
        self._load[topic] += _load_of(records)

    def taken(self, topic: str, records: int) -> None:
        """An agent has taken a chunk."""
        self.records = max(0, self.records - records)
        self._load[topic] = max(0, self._load[topic] - _load_of(records))
        self._progress.set()

    def forget(self) -> None:
        """What was on its way will not arrive (a rebalance)."""
        self.records = 0
        self._load.clear()
        self._progress.set()

    def full(self) -> frozenset[str]:
        """Topics of which nothing is to be fetched now."""
        if self._load.total() <= MOST_RECORDS:
            return frozenset()
        share = MOST_RECORDS / len(self._load)
        return frozenset(topic for topic, load in self._load.items() if load >= share)

    async def room(self, topics: Iterable[str], timeout_s: float) -> bool:
        """Wait while all of these are full, at most `timeout_s`; whether one of them is not."""
        wanted = frozenset(topics)
        try:
            async with asyncio.timeout(timeout_s):
                while wanted <= self.full():
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            return False
        return True


def _load_of(records: int) -> int:
    """What a chunk of so many records counts as."""
    return max(records, CHUNK_RECORDS)
