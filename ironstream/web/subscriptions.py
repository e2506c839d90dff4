"""Who looks at what: each client's wish, and the events that wait for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from ironstream.contract import SeriesId

MOST_WAITING: Final = 4000
Event = tuple[str, Any]
"""Name and data, which the client gets as JSON."""


class Subscription:
    """Events for one client. One that does not keep up loses the oldest, and is told how many."""

    def __init__(self, series: Iterable[SeriesId], alarms: Callable[[str], bool] | None, owner: str = "") -> None:
        """`alarms` says of which tenants they are wanted; None: of none. `owner` is whose client it is."""
        self.owner = owner
        self.series = frozenset(series)
        self.alarms = alarms
        self.lost = 0
        self._waiting: deque[Event] = deque()
        self._news = asyncio.Event()

    def put(self, name: str, data: Any) -> None:
        """An event for the client."""
        if len(self._waiting) == MOST_WAITING:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append((name, data))
        self._news.set()

    async def take(self, within_s: float) -> list[Event]:
        """What waits; nothing where nothing comes in time."""
        if not self._waiting:
            self._news.clear()
            try:
                async with asyncio.timeout(within_s):
                    await self._news.wait()
            except TimeoutError:
                return []
        taken = list(self._waiting)
        self._waiting.clear()
        return taken


class Subscriptions:
    """All clients, by asset and series. `version` grows when other assets are wanted than before."""

    def __init__(self) -> None:
        self.version = 0
        self.of_series: dict[bytes, dict[SeriesId, set[Subscription]]] = {}
        """Key of the asset → its series → who wants them."""
        self.all: set[Subscription] = set()

    def add(self, subscription: Subscription) -> None:
        """One more client."""
        self.all.add(subscription)
        for series in subscription.series:
            if series.kafka_key not in self.of_series:
                self.of_series[series.kafka_key] = {}
                self.version += 1
            self.of_series[series.kafka_key].setdefault(series, set()).add(subscription)

    def of_owner(self, owner: str) -> int:
        """How many clients are somebody's."""
        return sum(one.owner == owner for one in self.all)

    def remove(self, subscription: Subscription) -> None:
        """A client has gone."""
        self.all.discard(subscription)
        for series in subscription.series:
            of_asset = self.of_series.get(series.kafka_key, {})
            of_asset.get(series, set()).discard(subscription)
            if not of_asset.get(series, True):
                del of_asset[series]
            if not of_asset and self.of_series.pop(series.kafka_key, None) is not None:
                self.version += 1
