"""The log of topologies in Kafka: followed by many, written by whoever changes something."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final, Self

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from ironstream.contract import Topic
from ironstream.errors import DecodeError
from ironstream.rollout.history import History
from ironstream.rollout.records import ORDER_PARTITION, Entry, decode_entry, encode_entry
from ironstream.settings import Settings

_LOG = structlog.get_logger(__name__)
_MAX_RECORD: Final = 8 * 1024 * 1024
_POLL_MS: Final = 500


class TopologyLog:
    """Reads the log to its end when it is entered, and from there on as it is asked to. `history` is what it has read.

    What is written counts only when it has been read back: somebody else may have been faster.
    """

    def __init__(self, settings: Settings) -> None:
        self.history = History()
        self._kafka = settings.kafka_client_kwargs()
        self._at = TopicPartition(settings.topic(Topic.CONFIG_TOPOLOGY), ORDER_PARTITION)
        self._consumer: Any = None
        self._producer: Any = None

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(**self._kafka, enable_auto_commit=False, fetch_max_wait_ms=100)
        try:
            await self._consumer.start()
            self._consumer.assign([self._at])
            await self._consumer.seek_to_beginning(self._at)
            await self.catch_up()
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        if self._producer is not None:
            await self._producer.stop()

    async def catch_up(self) -> None:
        """Read to what is the end now."""
        end = (await self._consumer.end_offsets([self._at]))[self._at]
        while await self._consumer.position(self._at) < end:
            await self.poll()

    async def poll(self, timeout_ms: int = _POLL_MS) -> list[Entry]:
        """Entries that have come and that count, at most after `timeout_ms`; the history has them."""
        counted = []
        for records in (await self._consumer.getmany(self._at, timeout_ms=timeout_ms)).values():
            for record in records:
                with suppress(DecodeError):
                    if self.history.add(entry := decode_entry(record.value)):
                        counted.append(entry)
        return counted

    async def append(self, entry: Entry) -> bool:
        """Write an entry; whether it counts. When this fails it may have been written all the same: read again."""
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._kafka, acks="all", enable_idempotence=True, max_request_size=_MAX_RECORD
            )
            await producer.start()
            self._producer = producer
        written = await self._producer.send_and_wait(
            self._at.topic, key=entry.key, value=encode_entry(entry), partition=self._at.partition
        )
        counts = False
        while await self._consumer.position(self._at) <= written.offset:
            # equal entries are the same one: each has an id, or a text, of its own
            counts |= entry in await self.poll()
        return counts
