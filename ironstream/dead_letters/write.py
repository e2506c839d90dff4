"""Dead letters written to the topics that they came from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from ironstream.dead_letters.replay import Replay
from ironstream.settings import Settings


async def write_replays(settings: Settings, replays: Iterable[Replay]) -> int:
    """Write them, those of a partition in this order; returns how many, once Kafka has all of them."""
    producer = AIOKafkaProducer(**settings.kafka_client_kwargs(), acks="all", enable_idempotence=True)
    await producer.start()
    try:
        sent = [
            await producer.send(
                settings.topic(one.topic), key=one.key, value=one.value, headers=one.headers, partition=one.partition
            )
            for one in replays
        ]
        await asyncio.gather(*sent)
        return len(sent)
    finally:
        await producer.stop()
