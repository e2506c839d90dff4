"""The publisher and a Kafka that is killed under it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from ironstream.contract import Topic
from ironstream.embedded import EmbeddedKafka
from ironstream.gateway.outgoing import Outgoing
from ironstream.gateway.publisher import KafkaPublisher
from ironstream.gateway.settings import GatewaySettings
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_specs


async def numbers_in(kafka: EmbeddedKafka) -> dict[bytes, list[int]]:
    """The numbers of each key, ascending, repeats left out: what was in flight when Kafka died may be there twice."""
    consumer = AIOKafkaConsumer(Topic.TELEMETRY_RAW, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = list(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        found: dict[bytes, set[int]] = {}
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                for record in batch:
                    found.setdefault(record.key, set()).add(int(record.value))
        return {key: sorted(numbers) for key, numbers in found.items()}
    finally:
        await consumer.stop()


async def test_no_record_is_lost_when_kafka_is_killed_and_comes_back(tmp_path: Path) -> None:
    async with EmbeddedKafka(tmp_path / "kafka") as kafka:
        own = Settings(bootstrap=kafka.bootstrap, partitions=2)
        await ensure_topics(own.kafka_client_kwargs(), topic_specs(own, (1,)))
        async with KafkaPublisher(GatewaySettings.of(own, backoff_initial_s=0.1, backoff_max_s=0.5)) as publisher:
            sent = 0
            for _ in range(300):
                for key in (b"a", b"b", b"c"):
                    publisher.put(Outgoing(Topic.TELEMETRY_RAW, key, str(sent).encode()))
                sent += 1
                if sent == 100:
                    await publisher.flush(30)
                if sent == 150:
                    kafka.kill()
                await asyncio.sleep(0.005)
            await kafka.start()
            await publisher.flush(90)
            assert publisher.connected
        assert await numbers_in(kafka) == {key: list(range(sent)) for key in (b"a", b"b", b"c")}
