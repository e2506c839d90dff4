"""What the web view reads of the log: all of a span, once each, from either end."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from ironstream.alarm_codec import encode
from ironstream.contract import ID_HEADER, AlarmTransition, Evidence, Topic
from ironstream.domain.times import to_iso
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_specs
from ironstream.web.log_pages import LogPages
from tests.support.web_memory import MemoryPlant, alarm_row, client_of, series_row

FLOW = "acme/north/pump-1/flow"
HOT = "acme/north/pump-1/overheat/rule:hot/temperature"
KEY = b"acme/north/pump-1"
FROM_MS = time.time_ns() // 1_000_000 - 20_000
"""A broker takes no record that is of much later than now."""
WRITTEN = (0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6)
"""What a worker leaves that ended twice before its commit."""
VALUES = [0, 1, 2, 3, 4, 5, 6]


@pytest.fixture
async def plant(deployment: Settings) -> AsyncIterator[MemoryPlant]:
    made = MemoryPlant()
    made.partitions, made.pages = deployment.partitions, LogPages(deployment)
    made.clock_ms = float(FROM_MS + 10_000)
    made.hear(series_row(FLOW))
    made.put("alarms", [alarm_row("acme/north/pump-1", "hot")])
    await ensure_topics(deployment.kafka_client_kwargs(), topic_specs(deployment, [1]))
    yield made
    await made.pages.close()


async def _write(settings: Settings, plant: MemoryPlant, topic: str, numbers: tuple[int, ...], body: Any) -> None:
    async with AIOKafkaProducer(**settings.kafka_client_kwargs(), acks="all") as producer:
        for number in numbers:
            for key in (KEY, b"acme/north/another"):
                await producer.send_and_wait(
                    settings.topic(topic), body(number), key, plant.partition_of(KEY),
                    timestamp_ms=FROM_MS + 1000 * number, headers=[(ID_HEADER, f"{topic}/{number}".encode())],
                )  # fmt: skip


def _reading(number: int) -> bytes:
    tenant, site, asset, parameter = FLOW.split("/")
    body = {
        "tenant_id": tenant, "site_id": site, "asset_id": asset, "parameter": parameter, "value": number,
        "unit": "m3/h", "timestamps": {"device_time": to_iso((FROM_MS + 1000 * number) * 1000)},
    }  # fmt: skip
    return json.dumps(body).encode()


def _entry(number: int) -> bytes:
    time = to_iso((FROM_MS + 1000 * number) * 1000)
    return encode(
        AlarmTransition(
            HOT, "o1", number, "acme", "north", "pump-1", "temperature", "overheat", "HIGH", "ACTIVE", None, time, None,
            None, None, time, "hot", None, None, None, None, None, None, None, 1, Evidence("telemetry.raw", 0, number),
        )
    )  # fmt: skip


async def _pages(api: httpx.AsyncClient, where: str, **asked: Any) -> list[list[Any]]:
    pages, cursor = [], None
    while True:
        got = (await api.get(where, params=asked | ({"cursor": cursor} if cursor else {}))).json()
        pages.append(got["items"])
        cursor = got["next"]
        if cursor is None:
            return pages


@pytest.mark.parametrize("limit", [1, 3, 5, 100])
async def test_a_reading_that_was_written_again_is_listed_once_from_either_end(
    deployment: Settings, plant: MemoryPlant, limit: int
) -> None:
    await _write(deployment, plant, Topic.TELEMETRY_CLEAN, WRITTEN, _reading)
    asked = {"from": to_iso(FROM_MS * 1000), "limit": limit}
    async with client_of(plant) as api:
        oldest = await _pages(api, f"/series/{FLOW}/readings", **asked)
        newest = await _pages(api, f"/series/{FLOW}/readings", order="newest", **asked)
    assert [item["value"] for page in oldest for item in page] == VALUES
    assert sorted(item["value"] for page in newest for item in page) == VALUES
    assert newest[0][-1]["value"] == 6
    for page in newest:
        assert [item["value"] for item in page] == sorted(item["value"] for item in page)


async def test_the_newest_of_a_span_are_not_looked_for_before_its_beginning(
    deployment: Settings, plant: MemoryPlant
) -> None:
    await _write(deployment, plant, Topic.TELEMETRY_CLEAN, (0, 1, 2), _reading)
    looked_at: list[int] = []

    def look(record: Any) -> str | None:
        looked_at.append(record.timestamp)
        return None

    page = await plant.pages.backward(
        Topic.TELEMETRY_CLEAN, plant.partition_of(KEY), None, look, 10,
        FROM_MS + 1000,
    )  # fmt: skip
    assert (page.items, page.next) == ([], None)
    assert sorted(set(looked_at)) == [FROM_MS + 1000, FROM_MS + 2000]


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_an_entry_of_a_journal_that_was_written_again_is_told_once(
    deployment: Settings, plant: MemoryPlant, limit: int
) -> None:
    await _write(deployment, plant, Topic.ALARMS_CLEAN, WRITTEN, _entry)
    async with client_of(plant) as api:
        pages = await _pages(api, f"/alarms/{HOT}/journal", limit=limit)
    assert [item["transition"] for page in pages for item in page] == VALUES[::-1]
