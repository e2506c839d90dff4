"""A producer whose broker is a dict: aiokafka itself builds and parses the batches; the test says when it answers."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record import MemoryRecords

from tests.support.engine import MemoryRecord


@dataclass(frozen=True)
class Metadata:
    """What the broker answers: the offset of the first record of the batch."""

    offset: int


class InMemoryProducer:
    """The part of AIOKafkaProducer that the outbox uses.

    `hold()` keeps acknowledgements back until `let_go()`; `refuse` makes every send fail.
    """

    def __init__(self, batch_size: int = 16_384) -> None:
        self.logs: defaultdict[tuple[str, int], list[MemoryRecord]] = defaultdict(list)
        self.batches: list[tuple[str, int]] = []
        self.refuse: Exception | None = None
        self._batch_size = batch_size
        self._open = asyncio.Event()
        self._open.set()

    def create_batch(self) -> Any:
        return BatchBuilder(self._batch_size, 0)

    async def send_batch(self, builder: Any, topic: str, *, partition: int) -> asyncio.Future[Metadata]:
        return asyncio.ensure_future(self._acknowledge(builder, topic, partition))

    async def _acknowledge(self, builder: Any, topic: str, partition: int) -> Metadata:
        await self._open.wait()
        if self.refuse is not None:
            raise self.refuse
        log = self.logs[topic, partition]
        first = len(log)
        for batch in _batches(bytes(builder._build())):
            for record in batch:
                log.append(MemoryRecord(len(log), record.timestamp, record.key, record.value, list(record.headers)))
        self.batches.append((topic, partition))
        return Metadata(first)

    def write(self, topic: str, partition: int, key: bytes | None, value: bytes | None) -> None:
        """Somebody else writes a record."""
        log = self.logs[topic, partition]
        log.append(MemoryRecord(len(log), 0, key, value))

    def hold(self) -> None:
        """Acknowledge nothing from here on."""
        self._open.clear()

    def let_go(self) -> None:
        """Acknowledge what waits, and what comes."""
        self._open.set()


def _batches(data: bytes) -> list[Any]:
    records, found = MemoryRecords(data), []
    while records.has_next():
        found.append(records.next_batch())
    return found
