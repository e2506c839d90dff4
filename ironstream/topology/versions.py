"""Versions of topology.yaml, as a log: each distinct text gets the next number, on config.topology."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from ironstream.contract import Topic
from ironstream.domain.times import to_iso
from ironstream.settings import Settings

_PARTITION: Final = 0
"""One partition holds all versions, so that they have one order."""


class Version(msgspec.Struct, frozen=True):
    """One version of the file. `time` is when it was first used (ISO-8601, UTC)."""

    version: int
    sha256: str
    text: str
    time: str


async def read_versions(settings: Settings) -> list[Version]:
    """All versions there are, oldest first."""
    topic = TopicPartition(settings.topic(Topic.CONFIG_TOPOLOGY), _PARTITION)
    consumer = AIOKafkaConsumer(**settings.kafka_client_kwargs(), enable_auto_commit=False)
    versions: dict[int, Version] = {}
    await consumer.start()
    try:
        consumer.assign([topic])
        await consumer.seek_to_beginning(topic)
        end = (await consumer.end_offsets([topic]))[topic]
        while await consumer.position(topic) < end:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    version = msgspec.json.decode(record.value, type=Version)
                    # Of two workers that took the same number at once, the first in the log has it.
                    versions.setdefault(version.version, version)
    finally:
        await consumer.stop()
    return [versions[number] for number in sorted(versions)]


async def number_of(text: bytes, settings: Settings, now_us: int) -> int:
    """The number of this text of topology.yaml; a new one if it is not the newest version already.

    `now_us` dates a new version. Safe to call from many workers at once: they agree on one number per text.
    """
    digest = sha256(text).hexdigest()
    producer: Any = None
    try:
        while True:
            versions = await read_versions(settings)
            if versions and versions[-1].sha256 == digest:
                return versions[-1].version
            if producer is None:
                producer = AIOKafkaProducer(
                    **settings.kafka_client_kwargs(),
                    acks="all",
                    enable_idempotence=True,
                    max_request_size=8 * 1024 * 1024,
                )
                await producer.start()
            number = versions[-1].version + 1 if versions else 1
            version = Version(number, digest, text.decode(), to_iso(now_us))
            await producer.send_and_wait(
                settings.topic(Topic.CONFIG_TOPOLOGY),
                key=f"{number}/{digest}".encode(),
                value=msgspec.json.encode(version),
                partition=_PARTITION,
            )
    finally:
        if producer is not None:
            await producer.stop()
