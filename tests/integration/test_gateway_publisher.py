"""The publisher and a Kafka that is killed under it, or that kills with it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer
from prometheus_client import CollectorRegistry

from ironstream.contract import Topic
from ironstream.embedded import EmbeddedKafka
from ironstream.gateway.buffer_file import BufferFile
from ironstream.gateway.buffer_stats import BufferStats
from ironstream.gateway.outgoing import Outgoing, Priority
from ironstream.gateway.publisher import KafkaPublisher
from ironstream.gateway.settings import GatewaySettings
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_specs


async def values_in(settings: Settings, topic: str) -> dict[bytes, list[bytes]]:
    """The values of each key in their order, without repeats: what was in flight when Kafka died may be there twice."""
    consumer = AIOKafkaConsumer(
        settings.topic(topic), bootstrap_servers=settings.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        partitions = list(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        found: dict[bytes, dict[bytes, None]] = defaultdict(dict)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                for record in batch:
                    found[record.key].setdefault(record.value)
        return {key: list(values) for key, values in found.items()}
    finally:
        await consumer.stop()


async def numbers_in(settings: Settings) -> dict[bytes, list[int]]:
    """The numbers of each key in telemetry.raw, in the order in which they came there first."""
    return {key: list(map(int, values)) for key, values in (await values_in(settings, Topic.TELEMETRY_RAW)).items()}


class Plant:
    """Puts numbered readings, and alarms, of three assets."""

    def __init__(self) -> None:
        self.seq = 0
        self.alarms = 0

    def put(self, publisher: KafkaPublisher, count: int) -> None:
        for _ in range(count):
            self.seq += 1
            for asset in range(3):
                time = f"2025-01-10T12:00:00.{self.seq:06}Z"
                body = {
                    "asset_id": f"pump-{asset}", "parameter": "t", "value": 1.5, "timestamps": {"gateway_time": time},
                    "metadata": {"boot": "b1", "seq": self.seq},
                }  # fmt: skip
                publisher.put(Outgoing(Topic.TELEMETRY_RAW, self.key(asset), json.dumps(body).encode()))
        self.alarms += 1
        alarm = str(self.alarms).encode()
        publisher.put(Outgoing(Topic.ALARMS_RAW, self.key(0), alarm, Priority.ALARM))

    @staticmethod
    def key(asset: int) -> bytes:
        return f"default/default/pump-{asset}".encode()


class Outage:
    """Kafka is killed and comes back once, for several publishers at the same time: starting it is what takes long."""

    def __init__(self, parties: int) -> None:
        self._barriers = [asyncio.Barrier(parties + 1) for _ in range(4)]

    async def dies(self) -> None:
        await self._barriers[0].wait()
        await self._barriers[1].wait()

    async def comes_back(self) -> None:
        await self._barriers[2].wait()
        await self._barriers[3].wait()

    async def happen(self, kafka: EmbeddedKafka) -> None:
        await self._barriers[0].wait()
        kafka.kill()
        await self._barriers[1].wait()
        await self._barriers[2].wait()
        await kafka.start()
        await self._barriers[3].wait()


async def test_what_is_put_while_kafka_is_killed_and_comes_back_is_there_or_told_to_be_given_up(tmp_path: Path) -> None:
    async with EmbeddedKafka(tmp_path / "kafka") as kafka:
        own = Settings(bootstrap=kafka.bootstrap, partitions=2)
        await ensure_topics(own.kafka_client_kwargs(), topic_specs(own, (1,)))
        settings = GatewaySettings.of(own, backoff_initial_s=0.1, backoff_max_s=0.5)
        outage = Outage(3)
        async with asyncio.TaskGroup() as group:
            group.create_task(outage.happen(kafka))
            memory = group.create_task(lives_through(settings, outage, b"abc"))
            disk = group.create_task(lives_through(replace(settings, buffer_dir=tmp_path / "disk"), outage, b"def"))
            small = replace(settings, buffer_dir=tmp_path / "small", buffer_max_bytes=100_000)
            plant, dropped = await group.create_task(overflows(small, outage))
        raw = await values_in(own, Topic.TELEMETRY_RAW)
        for keys, sent in ((b"abc", memory.result()), (b"def", disk.result())):
            for key in keys:
                assert [int(value) for value in raw[bytes([key])]] == list(range(sent))
        assert left_in(tmp_path / "disk") == 0
        assert left_in(tmp_path / "small") == 0
        alarms = await values_in(own, Topic.ALARMS_RAW)
        assert alarms == {plant.key(0): [str(number + 1).encode() for number in range(plant.alarms)]}
        told = await values_in(own, Topic.DLQ_OVERFLOW)
        events = await values_in(own, Topic.EVENTS_RAW)
    for asset in range(3):
        came = [json.loads(value)["metadata"]["seq"] for value in raw[plant.key(asset)]]
        assert came == sorted(came)
        records: list[dict[str, Any]] = [json.loads(value) for value in told[plant.key(asset)]]
        ranges = [span for record in records for part in record["dropped"] for span in part["seq"]]
        gone = [seq for first, last in ranges for seq in range(first, last + 1)]
        assert sorted(came + gone) == list(range(1, plant.seq + 1))
        assert sum(record["readings"] for record in records) == len(gone) > 0
        dropped -= len(gone)
        assert [json.loads(event)["type"] for event in events[plant.key(asset)]] == ["buffer_overflow"]
    assert dropped == 0


async def lives_through(settings: GatewaySettings, outage: Outage, keys: bytes) -> int:
    """One process with room enough; how many records of each key it has put."""
    async with KafkaPublisher(settings) as publisher:
        for number in range(300):
            for key in keys:
                publisher.put(Outgoing(Topic.TELEMETRY_RAW, bytes([key]), str(number).encode()))
            if number == 100:
                await publisher.flush(30)
            if number == 150:
                await outage.dies()
            await asyncio.sleep(0.005)
        await outage.comes_back()
        await publisher.flush(90)
        assert publisher.connected
        return 300


async def overflows(settings: GatewaySettings, outage: Outage) -> tuple[Plant, int]:
    """A process with a small disk that ends while Kafka is away and is started anew; how many records it dropped."""
    plant, stats = Plant(), [BufferStats(CollectorRegistry()) for _ in range(2)]
    async with KafkaPublisher(settings, stats[0]) as publisher:
        plant.put(publisher, 100)
        await publisher.flush(30)
        plant.put(publisher, 20)
        await outage.dies()
        for _ in range(20):
            plant.put(publisher, 50)
            await asyncio.sleep(0.05)
        await publisher.flush(0.1)  # Kafka is away: what is left is on disk then
        assert stats[0].dropped > 0
    await outage.comes_back()
    async with KafkaPublisher(settings, stats[1]) as publisher:
        plant.put(publisher, 20)
        await publisher.flush(90)
    return plant, stats[0].dropped + stats[1].dropped


def left_in(folder: Path) -> int:
    file = BufferFile(folder / "gateway.sqlite", 1)
    try:
        return file.records.total()
    finally:
        file.close()


async def test_a_process_that_is_killed_while_kafka_is_away_loses_nothing_that_was_stored(
    deployment: Settings, nowhere: str, tmp_path: Path
) -> None:
    first = 5_000
    arguments = {"bootstrap": nowhere, "buffer_dir": str(tmp_path / "buffer"), "first": first}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.buffering_process", json.dumps(arguments), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            while (line := await process.stdout.readline()) != b"stored\n":
                assert line, "it ended by itself"
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()
    await ensure_topics(deployment.kafka_client_kwargs(), topic_specs(deployment, (1,)))
    async with KafkaPublisher(GatewaySettings.of(deployment, buffer_dir=tmp_path / "buffer")) as publisher:
        await publisher.flush(60)
    found = await numbers_in(deployment)
    together = sorted(number for numbers in found.values() for number in numbers)
    assert together == list(range(len(together)))
    assert len(together) >= first
    assert all(numbers == sorted(numbers) for numbers in found.values())
