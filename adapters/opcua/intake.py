"""Where what a server sends waits to be read. Bounded: when it is full, the server is asked for no more."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from adapters.opcua.messages import Change, EventFields
from ironstream.gateway.adapter import AdapterError


class Batch(NamedTuple):
    """What one answer brought, when (µs since the epoch), and when the server says that it sent it."""

    time_us: int
    changes: list[Change]
    events: list[EventFields]
    server_us: int | None = None


class Intake:
    """Batches in the order in which they came, and in the end the failure after which nothing more comes.

    Nothing is dropped here: with `max_waiting` values waiting, `has_room` is False, the server keeps what it can (the
    queue of each item, with a bit that says when it was too short) and its history has the rest.
    """

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._batches: deque[Batch] = deque()
        self._waiting = 0
        self._failure: AdapterError | None = None
        self._come = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def has_room(self) -> bool:
        """Whether more may be asked for."""
        return self._room.is_set()

    async def room(self) -> None:
        """Wait until half of what may wait was read."""
        await self._room.wait()

    def put(self, batch: Batch) -> None:
        """What an answer brought; an empty one is none."""
        if batch.changes or batch.events:
            self._batches.append(batch)
            self._count(_size(batch))
            self._come.set()

    def fail(self, error: AdapterError) -> None:
        """Nothing more comes, and this is why; the first reason counts."""
        if self._failure is None:
            self._failure = error
        self._come.set()

    async def wait(self) -> None:
        """Wait until something has come. Raises AdapterError when all was read and nothing more comes."""
        while not self._batches:
            if self._failure is not None:
                raise self._failure
            await self._next()

    def take(self) -> list[Batch]:
        """All that has come."""
        taken = list(self._batches)
        self._batches.clear()
        self._count(-self._waiting)
        return taken

    def put_back(self, batches: Sequence[Batch]) -> None:
        """These were not for now: they come first the next time."""
        self._batches.extendleft(reversed(batches))
        self._count(sum(map(_size, batches)))

    async def first_values(self, handles: set[int], wait_s: float) -> dict[int, int]:
        """Source time (µs) of the first value of each of these items, once all have come or `wait_s` is over."""
        first: dict[int, int] = {}
        missing = set(handles)
        seen = 0
        try:
            async with asyncio.timeout(wait_s):
                while missing and self._failure is None and self.has_room:
                    for batch in list(self._batches)[seen:]:
                        for change in batch.changes:
                            if change.handle in missing:
                                missing.discard(change.handle)
                                if change.value.source_us is not None:
                                    first[change.handle] = change.value.source_us
                    seen = len(self._batches)
                    if missing:
                        await self._next()
        except TimeoutError:
            # an item without a value yet has none to begin with
            pass
        return first

    async def _next(self) -> None:
        self._come.clear()
        await self._come.wait()

    def _count(self, more: int) -> None:
        self._waiting += more
        if self._waiting >= self._max_waiting:
            self._room.clear()
        elif self._waiting < self._max_waiting // 2:
            self._room.set()


def _size(batch: Batch) -> int:
    return len(batch.changes) + len(batch.events)
