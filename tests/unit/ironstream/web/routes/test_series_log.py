"""Readings over time: which part of the log is read for them, and in what unit they are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ironstream.domain.times import to_iso
from ironstream.web.log_pages import Page
from tests.support.web_memory import NOW_MS, MemoryPlant, client_of, series_row

NAME = "acme/north/pump-1/temperature"
HOUR_US = 3_600_000_000
TOPOLOGY = """
version: 1
assets:
  - {id: pump-1, tenant: acme, site: north, parameters: [{name: temperature, unit: degC}]}
"""


def _record(value: float, device_us: int, unit: str | None) -> Any:
    tenant, site, asset, parameter = NAME.split("/")
    reading = {
        "tenant_id": tenant, "site_id": site, "asset_id": asset, "parameter": parameter, "value": value, "unit": unit,
        "timestamps": {"device_time": to_iso(device_us), "kafka_time": to_iso(NOW_MS * 1000)},
    }  # fmt: skip
    return SimpleNamespace(key=b"acme/north/pump-1", value=json.dumps(reading).encode(), headers=())


async def _answer(
    monkeypatch: pytest.MonkeyPatch, records: list[Any], ahead_us: int = 0, **query: str
) -> tuple[int, dict[str, Any]]:
    """When (ms) the read of the log begins, and what is told."""
    plant, begins = MemoryPlant(TOPOLOGY), []

    async def forward(
        topic: str, partition: int, cursor: int | None, from_ms: int, take: Callable[[Any], Any], limit: int
    ) -> Page[Any]:
        begins.append(from_ms)
        return Page([one for record in records if (one := take(record)) is not None], None, False)

    monkeypatch.setattr(plant.pages, "forward", forward)
    plant.hear(series_row(NAME, watermark=NOW_MS * 1000 + ahead_us))
    async with client_of(plant) as api:
        answer = await api.get(f"/series/{NAME}/readings", params=query)
    assert answer.status_code == 200, answer.text
    return begins[0], answer.json()


async def test_what_a_clock_ahead_stamped_is_among_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead_us = NOW_MS * 1000 + HOUR_US - 1_000_000
    _, told = await _answer(monkeypatch, [_record(5, ahead_us, "degC")])
    assert [item["value"] for item in told["items"]] == [5]


async def test_what_a_clock_ahead_stamped_is_looked_for_where_it_was_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    from_us = NOW_MS * 1000 - 60_000_000
    begins_ms, _ = await _answer(monkeypatch, [], HOUR_US, **{"from": to_iso(from_us)})
    assert begins_ms <= (from_us - HOUR_US) // 1000


async def test_each_reading_of_a_page_has_its_own_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [_record(90, NOW_MS * 1000 - 5, "degF"), _record(32, NOW_MS * 1000 - 4, "degC")]
    _, told = await _answer(monkeypatch, records)
    assert [item["unit"] for item in told["items"]] == ["degF", "degC"]
    assert told["unit"] == "degC"
