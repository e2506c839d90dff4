"""The ledger's topics by hand: what adapters and workers write, one record at a time."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from ironstream.contract import Topic
from ironstream.overflow import BufferOverflow, DroppedReadings
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_specs

KEY = b"acme/north/pump"


class Topics:
    """Writes what adapters and workers write, by hand: one partition has it all."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer = AIOKafkaProducer(**settings.kafka_client_kwargs())

    async def __aenter__(self) -> Topics:
        await ensure_topics(self._settings.kafka_client_kwargs(), topic_specs(self._settings, [1]))
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def raw(self, value: bytes) -> int:
        """A raw record; its offset."""
        topic = self._settings.topic(Topic.TELEMETRY_RAW)
        said = await self._producer.send_and_wait(topic, value, key=KEY, partition=0)
        return int(said.offset)

    async def clean(self, offset: int, value: bytes, part: str = "") -> None:
        """The clean reading of a raw record, or of a part of it."""
        headers = [("ironstream-id", b"telemetry.raw/0/%d" % offset + (f"/{part}".encode() if part else b""))]
        await self._send(Topic.TELEMETRY_CLEAN, value, headers)

    async def refuse(self, offset: int, value: bytes, reason: bytes) -> None:
        """The dead letter of a raw record."""
        headers = [("dlq-topic", b"telemetry.raw"), ("dlq-partition", b"0"), ("dlq-offset", b"%d" % offset)]
        await self._send(Topic.DLQ_TELEMETRY, value, [*headers, ("dlq-reason", reason)])

    async def _send(self, topic: str, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        await self._producer.send_and_wait(self._settings.topic(topic), value, key=KEY, partition=0, headers=headers)

    async def give_up(self, *seq: tuple[int, int]) -> None:
        """A gateway dropped these readings."""
        part = DroppedReadings("temperature", sum(last - first + 1 for first, last in seq), "b1", list(seq))
        told = BufferOverflow("pump", "1", "2025-01-10T12:00:00Z", part.count, "acme", "north", dropped=[part])
        await self._send(Topic.DLQ_OVERFLOW, msgspec.json.encode(told), [])

    async def commit(self, offset: int) -> None:
        """The worker's group has come so far."""
        async with AIOKafkaConsumer(
            **self._settings.kafka_client_kwargs(), group_id=self._settings.application_id, enable_auto_commit=False
        ) as consumer:
            tp = TopicPartition(self._settings.topic(Topic.TELEMETRY_RAW), 0)
            consumer.assign([tp])
            await consumer.commit({tp: offset})

    async def expire(self, before: int) -> None:
        """Retention takes the raw records before an offset."""
        admin = AIOKafkaAdminClient(**self._settings.kafka_client_kwargs())
        await admin.start()
        tp = TopicPartition(self._settings.topic(Topic.TELEMETRY_RAW), 0)
        await admin.delete_records({tp: RecordsToDelete(before_offset=before)})
        await admin.close()


def reading(seq: int, **more: Any) -> bytes:
    """A reading, raw or clean: number `seq` of the run b1."""
    body = {
        "tenant_id": "acme", "site_id": "north", "asset_id": "pump", "parameter": "temperature", "value": 1.5,
        "timestamps": {"device_time": 1_700_000_000 + seq}, "metadata": {"boot": "b1", "seq": seq},
    }  # fmt: skip
    return json.dumps(body | more).encode()
