"""Bounded reads of single partitions: pages of the log, whatever its length."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from ironstream.settings import Settings
from ironstream.web.problems import ApiError

T = TypeVar("T")
MOST_SCANNED: Final = 400_000
"""Records of a partition that one page looks at, of whatever asset."""
MOST_S: Final = 4.0
_HINT: Final = "Is it running? GET /api/v1/health says."
_CONSUMERS: Final = 4
_WAIT_S: Final = 10.0
_WHOLE_S: Final = MOST_S + 3.0
_AT_ONCE: Final = 2000
_FETCH_BYTES: Final = 4 * 1024 * 1024
_FIRST_STEP_BACK: Final = 2_000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """What was found, and the offset at which to go on; None at the end. `truncated`: it took too long to go on."""

    items: list[T]
    next: int | None
    truncated: bool


class LogPages:
    """Reads of all requests share a few consumers, which are started when they are needed first."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        why_not: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`why_not` says why Kafka cannot be read just now, as far as somebody has found out already."""
        self._settings = settings
        self._why_not = why_not
        self._clock = clock
        self._free = asyncio.Semaphore(_CONSUMERS)
        self._idle: list[Any] = []

    async def close(self) -> None:
        """Stop the consumers."""
        while self._idle:
            await self._idle.pop().stop()

    async def forward(
        self,
        topic: str,
        partition: int,
        start: int | None,
        from_ms: int,
        take: Callable[[Any], T | None],
        limit: int,
        until_ms: int | None = None,
        most_s: float = MOST_S,
    ) -> Page[T]:
        """Records from offset `start`, or else appended at `from_ms` or later; `take` makes an item, or None.

        Records appended after `until_ms` end it. Raises KafkaError, and ApiError (503) when too many ask at once.
        """
        deadline = self._clock() + most_s
        async with self._consumer(topic, partition) as (consumer, tp):
            end = (await consumer.end_offsets([tp]))[tp]
            first = (await consumer.beginning_offsets([tp]))[tp]
            if start is None:
                found = (await consumer.offsets_for_times({tp: from_ms}))[tp]
                start = end if found is None else found.offset
            consumer.seek(tp, max(start, first))
            items: list[T] = []
            position, scanned = max(start, first), 0
            while position < end:
                if scanned >= MOST_SCANNED or self._clock() >= deadline:
                    return Page(items, position, truncated=True)
                records = (await consumer.getmany(tp, timeout_ms=200, max_records=_AT_ONCE)).get(tp, ())
                # a fetch that is answered from the buffer does not let others run
                await asyncio.sleep(0)
                scanned += len(records)
                for record in records:
                    if until_ms is not None and record.timestamp > until_ms:
                        return Page(items, None, truncated=False)
                    if record.offset < end and (item := take(record)) is not None:
                        items.append(item)
                        if len(items) == limit:
                            return Page(items, record.offset + 1, truncated=False)
                position = await consumer.position(tp)
            return Page(items, None, truncated=False)

    async def backward(
        self,
        topic: str,
        partition: int,
        before: int | None,
        take: Callable[[Any], T | None],
        limit: int,
        from_ms: int | None = None,
    ) -> Page[T]:
        """The newest records first, of those below the offset `before` and appended at `from_ms` or later; the rest as
        `forward`."""
        deadline = self._clock() + MOST_S
        async with self._consumer(topic, partition) as (consumer, tp):
            first = (await consumer.beginning_offsets([tp]))[tp]
            end = (await consumer.end_offsets([tp]))[tp]
            if from_ms is not None:
                found = (await consumer.offsets_for_times({tp: from_ms}))[tp]
                first = end if found is None else max(first, found.offset)
            high, step, scanned = end if before is None else min(before, end), _FIRST_STEP_BACK, 0
            items: list[T] = []
            while high > first:
                if scanned >= MOST_SCANNED or self._clock() >= deadline:
                    return Page(items, high, truncated=True)
                low = max(first, high - step)
                records = await self._between(consumer, tp, low, high, deadline)
                if records is None:
                    return Page(items, high, truncated=True)
                scanned += len(records)
                for record in reversed(records):
                    if (item := take(record)) is not None:
                        items.append(item)
                        if len(items) == limit:
                            return Page(items, record.offset if record.offset > first else None, truncated=False)
                high, step = low, min(2 * step, MOST_SCANNED // 8)
            return Page(items, None, truncated=False)

    async def _between(
        self, consumer: Any, tp: TopicPartition, low: int, high: int, deadline: float
    ) -> list[Any] | None:
        """Records of offsets from `low` up to `high`; None where time is up."""
        consumer.seek(tp, low)
        records: list[Any] = []
        while await consumer.position(tp) < high:
            if self._clock() >= deadline:
                return None
            fetched = (await consumer.getmany(tp, timeout_ms=200, max_records=_AT_ONCE)).get(tp, ())
            records += [record for record in fetched if record.offset < high]
            await asyncio.sleep(0)
        return records

    @asynccontextmanager
    async def _consumer(self, topic: str, partition: int) -> AsyncIterator[tuple[Any, TopicPartition]]:
        if (why := self._why_not()) is not None:
            raise ApiError(503, f"Kafka cannot be read: {why}", _HINT, {"Retry-After": "2"})
        try:
            await asyncio.wait_for(self._free.acquire(), _WAIT_S)
        except TimeoutError as error:
            raise ApiError(
                503, "Too many reads of the log are under way.", "Try again in a moment.", {"Retry-After": "2"}
            ) from error
        consumer: Any = None
        try:
            # a consumer whose broker is away waits for it much longer than somebody waits for a page
            async with asyncio.timeout(_WHOLE_S):
                consumer = self._idle.pop() if self._idle else await self._started()
                tp = TopicPartition(self._settings.topic(topic), partition)
                consumer.assign([tp])
                yield consumer, tp
                consumer.unsubscribe()
                self._idle.append(consumer)
                consumer = None
        except TimeoutError as error:
            raise ApiError(503, "Kafka does not answer in time.", _HINT, {"Retry-After": "2"}) from error
        finally:
            self._free.release()
            if consumer is not None:
                # it may be in the middle of something
                await consumer.stop()

    async def _started(self) -> Any:
        consumer = AIOKafkaConsumer(
            **self._settings.kafka_client_kwargs(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=100,
        )
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        return consumer
