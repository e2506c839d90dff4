"""The web view outlives its Kafka: what was read is shown with its age, and it goes on by itself."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from ironstream.contract import Topic
from ironstream.embedded import EmbeddedKafka
from ironstream.engine.api import Headers
from ironstream.engine.changelog import Marker, claim_key, marker_record, row_record
from ironstream.settings import Settings
from ironstream.topics import changelog_topic, ensure_topics, topic_specs
from ironstream.web.log_pages import LogPages
from ironstream.web.plant import Plant
from tests.support.web import WebPlant, events_of, until
from tests.support.web_memory import client_of, series_row

CLAIM = b"worker-1"
NAME = "acme/north/pump-1/flow"


async def _commit(settings: Settings, number: int, value: float) -> None:
    """What a worker writes in a commit: a row, and its marker."""
    partition, (key, row) = series_row(NAME, value=value, last_append=time.time_ns() // 1000)
    topic = settings.topic(changelog_topic("telemetry"))
    marker = marker_record(CLAIM, Marker(number, number, 1, time.time_ns() // 1_000_000))
    async with AIOKafkaProducer(**settings.kafka_client_kwargs(), acks="all") as producer:
        records: list[tuple[bytes, bytes | None, Headers]] = [(claim_key(CLAIM), b"{}", ())] if number == 1 else []
        records += [row_record(CLAIM, key, row), (*marker, ())]
        for record_key, record_value, headers in records:
            await producer.send_and_wait(topic, record_value, record_key, partition, headers=list(headers))


async def test_it_shows_what_it_has_while_kafka_is_away_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    broker = EmbeddedKafka(tmp_path / "kafka")
    await broker.start()
    settings = Settings(bootstrap=broker.bootstrap, partitions=4, topology=tmp_path / "none.yaml")
    try:
        await ensure_topics(settings.kafka_client_kwargs(), topic_specs(settings, [1]))
        await _commit(settings, 1, 1.0)
        async with Plant(settings) as plant, client_of(plant) as api:

            async def value() -> float | None:
                answer = await api.get(f"/series/{NAME}")
                return answer.json()["value"] if answer.status_code == 200 else None

            async def status() -> str:
                return str((await api.get("/health")).json()["status"])

            async def is_now(wanted: str) -> bool:
                return await status() == wanted

            async def shows(wanted: float) -> bool:
                return await value() == wanted

            await until(lambda: shows(1.0))
            await until(lambda: is_now("ok"))
            await broker.stop()
            await until(lambda: is_now("degraded"))
            assert await value() == 1.0
            health = (await api.get("/health")).json()
            assert health["kafka"] == "unreachable"
            assert health["behind_s"] > 0
            assert (await api.get(f"/series/{NAME}/readings")).status_code == 503
            await broker.start()
            await _commit(settings, 2, 2.0)
            await until(lambda: shows(2.0))
            await until(lambda: is_now("ok"))
            assert (await api.get(f"/series/{NAME}/readings")).json()["items"] == []
    finally:
        await broker.stop()


async def test_it_starts_before_there_is_a_kafka(nowhere: str) -> None:
    settings = Settings(bootstrap=nowhere)
    async with Plant(settings) as plant, client_of(plant) as api:
        health = (await api.get("/health")).json()
        assert (health["status"], health["kafka"]) == ("unavailable", "unreachable")
        answer = await api.get("/assets")
        assert answer.status_code == 503
        assert "has not been read" in answer.json()["detail"]


async def test_an_uncommitted_row_is_not_shown(deployment: Settings) -> None:
    await ensure_topics(deployment.kafka_client_kwargs(), topic_specs(deployment, [1]))
    await _commit(deployment, 1, 1.0)
    partition, (key, row) = series_row(NAME, value=9.0)
    topic = deployment.topic(changelog_topic("telemetry"))
    async with AIOKafkaProducer(**deployment.kafka_client_kwargs(), acks="all") as producer:
        row_key, value, _ = row_record(CLAIM, key, row)
        await producer.send_and_wait(topic, value, row_key, partition)
    async with Plant(deployment) as plant, client_of(plant) as api:

        async def seen() -> dict[str, object] | None:
            answer = await api.get(f"/series/{NAME}")
            return answer.json() if answer.status_code == 200 else None

        assert (await until(seen))["value"] == 1.0


@pytest.mark.parametrize("damage", [None, b"no copy", "foreign"])
async def test_what_was_read_is_kept_for_the_next_start_and_is_no_harm_when_damaged(
    deployment: Settings, tmp_path: Path, damage: bytes | str | None
) -> None:
    settings = deployment.model_copy(update={"data_dir": tmp_path})
    await ensure_topics(settings.kafka_client_kwargs(), topic_specs(settings, [1]))
    await _commit(settings, 1, 1.0)

    async def shown(wanted: float) -> bool:
        answer = await api.get(f"/series/{NAME}")
        return answer.status_code == 200 and answer.json()["value"] == wanted

    async with Plant(settings) as plant, client_of(plant) as api:
        await until(lambda: shown(1.0))
    [kept] = [path for path in (tmp_path / "web").iterdir() if "telemetry" in path.name]
    if damage == "foreign":
        kept.write_bytes(kept.read_bytes().replace(CLAIM, b"worker-9"))
    elif isinstance(damage, bytes):
        kept.write_bytes(damage)
    await _commit(settings, 2, 2.0)
    async with Plant(settings) as plant, client_of(plant) as api:
        await until(lambda: shown(2.0))


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_a_journal_is_read_backwards_page_by_page(deployment: Settings, limit: int) -> None:
    pages = LogPages(deployment)
    await ensure_topics(deployment.kafka_client_kwargs(), topic_specs(deployment, [1]))
    async with AIOKafkaProducer(**deployment.kafka_client_kwargs(), acks="all") as producer:
        for number in range(5):
            body = json.dumps(number).encode()
            await producer.send_and_wait(deployment.topic(Topic.ALARMS_CLEAN), body, b"mine", 0)
            await producer.send_and_wait(deployment.topic(Topic.ALARMS_CLEAN), b"x", b"another's", 0)
    found: list[int] = []
    before = None
    try:
        while True:
            page = await pages.backward(
                Topic.ALARMS_CLEAN, 0, before, lambda one: int(one.value) + 1 if one.key == b"mine" else None, limit
            )
            assert len(page.items) <= limit
            found += page.items
            before = page.next
            if before is None:
                break
    finally:
        await pages.close()
    assert found == [5, 4, 3, 2, 1]


async def test_it_ends_in_order_while_somebody_looks(deployment: Settings, tmp_path: Path) -> None:
    plant = WebPlant(deployment, tmp_path)
    try:
        plant.start_web()
        assert plant.web is not None
        async with plant.client() as api, asyncio.timeout(30), api.stream("GET", "/stream") as answer:
            events = events_of(answer)
            assert (await anext(events))[0] == "heartbeat"
            plant.web.send(signal.SIGTERM)
            async for _ in events:
                pass
        assert await plant.web.exit(20) == 0, plant.web.last_words()
    finally:
        plant.close()
