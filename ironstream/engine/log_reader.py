"""Reads topics as they are: from the beginning to what is the end now, or from now on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from ironstream.contract import CONTROL_KEY
from ironstream.errors import ConfigurationError
from ironstream.settings import Settings
from ironstream.topics import describe

Progress = Callable[[int, int], None]


class LogReader:
    """A consumer without a group over all partitions of some topics; entered while it is read.

    `topics` are names without the deployment's prefix. Raises ConfigurationError for one that is not in Kafka unless
    `missing_ok`. Control records of the engine are left out.
    """

    def __init__(self, settings: Settings, topics: Iterable[str], *, missing_ok: bool = False) -> None:
        self._settings = settings
        self._names = {settings.topic(topic): topic for topic in topics}
        self._missing_ok = missing_ok
        self.partitions: list[TopicPartition] = []
        self.consumer = AIOKafkaConsumer(
            **settings.kafka_client_kwargs(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
        )

    async def __aenter__(self) -> LogReader:
        try:
            await self.consumer.start()
            await self._assign()
        except BaseException:
            await self.consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.consumer.stop()

    async def _assign(self) -> None:
        # a consumer without a subscription knows no topic's partitions: they are asked for
        states = await describe(self._settings.kafka_client_kwargs(), self._names)
        missing = [name for name in self._names if name not in states]
        if missing and not self._missing_ok:
            ours = sorted(n for n in await self.consumer.topics() if n.startswith(self._settings.topic_prefix))
            raise ConfigurationError(
                f"There is no topic {', '.join(missing)} on {self._settings.bootstrap}.",
                f"There are: {', '.join(ours) or 'none; `ironstream topics --create` makes them'}.",
            )
        self.partitions = [
            TopicPartition(name, partition) for name, state in states.items() for partition in range(state.partitions)
        ]
        self.consumer.assign(self.partitions)

    def topic_of(self, record: Any) -> str:
        """Name of a record's topic without the prefix."""
        return self._names[record.topic]

    async def to_beginning(self) -> None:
        """Go on from the oldest records."""
        for tp, offset in (await self.consumer.beginning_offsets(self.partitions)).items():
            self.consumer.seek(tp, offset)

    async def to_end(self) -> None:
        """Go on from what comes after this call."""
        for tp, offset in (await self.consumer.end_offsets(self.partitions)).items():
            self.consumer.seek(tp, offset)

    async def back_from_end(self, count: int) -> None:
        """Go on from `count` records before the end of each partition."""
        first = await self.consumer.beginning_offsets(self.partitions)
        for tp, end in (await self.consumer.end_offsets(self.partitions)).items():
            self.consumer.seek(tp, max(first[tp], end - count))

    async def follow(self) -> AsyncIterator[Any]:
        """Records for ever, in the order they come."""
        while True:
            for record in await self.poll(500):
                yield record

    async def poll(self, timeout_ms: int) -> list[Any]:
        """Records that have come, at most after `timeout_ms`; those of one partition in its order."""
        if not self.partitions:
            await asyncio.sleep(timeout_ms / 1000)
            return []
        fetched = await self.consumer.getmany(timeout_ms=timeout_ms)
        return [record for records in fetched.values() for record in records if record.key != CONTROL_KEY]

    async def until_end(self, progress: Progress = lambda done, total: None) -> AsyncIterator[Any]:
        """Records from the present position to what is the end now; `progress` is told offsets behind and in all."""
        if not self.partitions:
            return
        ends = await self.consumer.end_offsets(self.partitions)
        starts = {tp: await self.consumer.position(tp) for tp in self.partitions}
        total = sum(max(0, end - starts[tp]) for tp, end in ends.items())
        while True:
            positions = {tp: await self.consumer.position(tp) for tp in self.partitions}
            left = sum(max(0, end - positions[tp]) for tp, end in ends.items())
            progress(total - left, total)
            if not left:
                return
            for record in await self.poll(100):
                if record.offset < ends[TopicPartition(record.topic, record.partition)]:
                    yield record
