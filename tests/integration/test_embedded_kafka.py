"""The embedded Kafka as an operator and the kernel treat it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from ironstream.embedded import EmbeddedKafka
from ironstream.errors import BrokerError
from ironstream.topics import TopicSpec, ensure_topics
from tests.support import embedded


async def produce(bootstrap: str, topic: str, *values: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def consume(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with consumer:
        return [(await asyncio.wait_for(consumer.getone(), 30)).value for _ in range(count)]


async def test_data_outlive_a_stop_and_the_address_stays(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path)
    async with kafka:
        before = kafka.bootstrap
        await ensure_topics(kafka.bootstrap, [TopicSpec("t", 1)])
        await produce(kafka.bootstrap, "t", b"1", b"2")
    assert kafka.pid is None
    async with kafka:
        assert kafka.bootstrap == before
        assert await consume(kafka.bootstrap, "t", 2) == [b"1", b"2"]


async def test_acknowledged_data_outlive_a_kill(tmp_path: Path) -> None:
    async with EmbeddedKafka(tmp_path) as kafka:
        await ensure_topics(kafka.bootstrap, [TopicSpec("t", 1)])
        await produce(kafka.bootstrap, "t", b"1")

        kafka.kill()
        assert not kafka.running
        await kafka.start()

        assert await consume(kafka.bootstrap, "t", 1) == [b"1"]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_every_codec_of_the_settings_passes_through(kafka: EmbeddedKafka, codec: str) -> None:
    topic = f"codec-{codec}"
    await ensure_topics(kafka.bootstrap, [TopicSpec(topic, 1)])
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, compression_type=codec) as producer:
        await producer.send_and_wait(topic, b"x" * 2000)

    assert await consume(kafka.bootstrap, topic, 1) == [b"x" * 2000]


def test_it_listens_on_loopback_alone(kafka: EmbeddedKafka) -> None:
    assert embedded.listens_on(kafka) == {"127.0.0.1"}


def test_synchronous_code_starts_and_stops_it(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path)
    asyncio.run(kafka.start())
    try:
        assert asyncio.run(ensure_topics(kafka.bootstrap, [TopicSpec("t", 1)])) == []
    finally:
        asyncio.run(kafka.stop())
    assert not kafka.running


def test_it_ends_when_its_parent_is_killed_and_the_next_start_waits_for_that(tmp_path: Path) -> None:
    embedded.ends_with_its_parent(EmbeddedKafka, tmp_path)


async def test_it_ends_when_its_guard_is_killed(tmp_path: Path) -> None:
    async with EmbeddedKafka(tmp_path) as kafka:
        await embedded.ends_with_its_guard(kafka)


async def test_a_taken_port_is_refused_with_its_number(tmp_path: Path) -> None:
    await embedded.refuses_a_taken_port(EmbeddedKafka, tmp_path, BrokerError)


async def test_a_folder_in_use_is_refused(kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    await embedded.refuses_a_folder_in_use(kafka, "Kafka", BrokerError, monkeypatch)


async def test_a_broker_that_dies_at_its_start_says_why(tmp_path: Path) -> None:
    async with EmbeddedKafka(tmp_path):
        pass
    for snapshot in (tmp_path / "log" / "__cluster_metadata-0").glob("*.log"):
        snapshot.write_bytes(b"\x00" * 7 + b"rubbish" * 100)
    (tmp_path / "log" / "__cluster_metadata-0" / "quorum-state").write_text("{ not json")

    kafka = EmbeddedKafka(tmp_path)
    with pytest.raises(BrokerError, match="died at its start") as caught:
        await kafka.start()

    assert "quorum-state" in caught.value.message or "ERROR" in caught.value.message
    assert str(kafka.log_file) in caught.value.hint
    assert not kafka.running


async def test_a_start_that_is_given_up_leaves_nothing_running(tmp_path: Path) -> None:
    await embedded.gives_up_a_start(EmbeddedKafka(tmp_path))
