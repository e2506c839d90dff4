"""The API of the web view over a real broker and a real worker: what it says is what is on the topics."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from ironstream.contract import Topic
from ironstream.domain.times import to_iso, to_us
from ironstream.embedded import EmbeddedKafka
from ironstream.engine.replica import Replica
from ironstream.topics import changelog_topic
from tables.series import SERIES
from tests.support.deployment import settings_of_its_own
from tests.support.web import HOT, PRESSURE, SPEED, TEMPERATURE, WebPlant, events_of, json_of, until


@pytest.fixture(scope="module")
def plant(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebPlant]:
    """One worker and one web view for all tests of this module; each has series, or commands, of its own."""
    folder = tmp_path_factory.mktemp("web")
    settings = settings_of_its_own(kafka, folder)
    made = WebPlant(settings, folder)
    try:
        made.processes.start_worker()
        made.start_web()
        yield made
    finally:
        made.close()


@pytest.fixture
async def api(plant: WebPlant) -> AsyncIterator[httpx.AsyncClient]:
    """A client, once the web view has read the state of all agents and the topology."""
    async with plant.client() as client:

        async def ready() -> bool:
            health = (await client.get("/health")).json()
            return health["status"] == "ok" and len((await json_of(client, "/assets"))["items"]) >= 3

        await until(ready)
        yield client


async def test_a_series_is_shown_as_the_last_record_of_telemetry_clean_has_it(
    plant: WebPlant, api: httpx.AsyncClient
) -> None:
    now_us = time.time_ns() // 1000
    await plant.send(plant.readings(TEMPERATURE, [21.0, 22.5, 23.25], now_us - 1_500_000))

    async def shown() -> Any:
        one = await json_of(api, f"/series/{TEMPERATURE}")
        return one if one["value"] == 23.25 else None

    one = await until(shown)
    clean = await _last(plant, "temperature")
    assert (one["value"], one["unit"], one["quality"]) == (clean["value"], clean["unit"], clean["quality"])
    assert one["device_time"] == clean["timestamps"]["device_time"]
    assert one["kafka_time"] == clean["timestamps"]["kafka_time"]
    assert one["range"] == {"min": 0, "max": 200}
    assert one["expected_interval_s"] == 0.5
    assert [rule["rule_id"] for rule in one["rules"]] == ["hot"]
    asset = await json_of(api, "/assets/acme/north/pump-1")
    assert {"temperature", "pressure"} == {item["parameter"] for item in asset["series"]}
    assert asset["name"] == "Feed pump"


async def test_a_reading_that_is_not_good_is_shown_with_its_reason(plant: WebPlant, api: httpx.AsyncClient) -> None:
    now_us = time.time_ns() // 1000
    await plant.send(plant.readings("acme/north/pump-9/flow", [1.0], now_us))
    jump = plant.readings("acme/north/pump-9/flow", [2.0], now_us + 500_000)
    body = json.loads(jump[0][1])
    body["timestamps"]["gateway_time"] = _later(body["timestamps"]["gateway_time"])
    await plant.send([(jump[0][0], json.dumps(body).encode())])

    async def suspect() -> Any:
        answer = await api.get("/series/acme/north/pump-9/flow")
        return answer.json() if answer.status_code == 200 and answer.json()["quality"] == "SUSPECT" else None

    one = await until(suspect)
    assert one["quality_reasons"] == ["clock_skew"]
    assert not one["declared"]


async def test_readings_and_windows_are_those_on_the_topics_page_by_page(
    plant: WebPlant, api: httpx.AsyncClient
) -> None:
    start_us = (time.time_ns() // 1000 - 30_000_000) // 10_000_000 * 10_000_000
    values = [10.0 + place for place in range(60)]
    await plant.send(plant.readings(PRESSURE, values, start_us))

    async def windows() -> Any:
        found = await json_of(api, f"/series/{PRESSURE}/aggregates", size_s=10)
        return found if len(found["items"]) >= 2 else None

    await until(windows)
    pages = [await json_of(api, f"/series/{PRESSURE}/readings", limit=25)]
    while pages[-1]["next"]:
        pages.append(await json_of(api, f"/series/{PRESSURE}/readings", limit=25, cursor=pages[-1]["next"]))
    assert len(pages) >= 3
    assert [item["value"] for page in pages for item in page["items"]] == values
    on_topic = [
        json.loads(record.value or b"{}")
        for record in await plant.processes.read("telemetry.10s")
        if json.loads(record.value or b"{}")["parameter"] == "pressure"
    ]
    shown = {item["start"]: item for item in (await windows())["items"]}
    for window in on_topic:
        item = shown[window["window_start"]]
        if item["revision"] == window["revision"]:
            assert (item["count"], item["mean"]) == (window["aggregates"]["count"], window["aggregates"]["avg"])
            assert item["quality"] == window["quality_summary"]
    text = (await api.get(f"/series/{PRESSURE}/readings", params={"format": "csv", "limit": 10_000})).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["value"]) for row in rows] == values


async def test_what_is_on_screen_comes_within_a_second_and_a_half(plant: WebPlant, api: httpx.AsyncClient) -> None:
    async with plant.load(SPEED), asyncio.timeout(40):
        late_s, windows = [], 0
        async with api.stream("GET", "/stream", params={"series": SPEED, "overview": True}) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            names = set()
            async for name, data in events_of(answer):
                names.add(name)
                if name == "reading":
                    assert data["series"] == SPEED
                    late_s.append(time.time() - _seconds(data["time"]))
                windows += name == "window"
                if len(late_s) >= 8 and windows and {"heartbeat", "overview"} <= names:
                    break
    # the first ones may be those that were known before
    assert sorted(late_s)[len(late_s) // 2] < 1.5


async def test_a_stream_begins_with_what_came_shortly_before_it(plant: WebPlant, api: httpx.AsyncClient) -> None:
    await plant.send(plant.readings(PRESSURE, [7.77], time.time_ns() // 1000))

    async def is_clean() -> bool:
        return bool((await _last(plant, "pressure"))["value"] == 7.77)

    await until(is_clean)
    # nothing more is sent: only what is there already can come
    async with asyncio.timeout(30), api.stream("GET", "/stream", params={"series": PRESSURE}) as answer:
        async for name, data in events_of(answer):
            if name == "reading" and data["value"] == 7.77:
                break


async def test_two_operators_acknowledge_at_once_and_one_of_them_was_first(
    plant: WebPlant, api: httpx.AsyncClient
) -> None:
    now_us = time.time_ns() // 1000
    async with asyncio.timeout(60), api.stream("GET", "/stream", params={"alarms": True}) as answer:
        events = events_of(answer)
        assert (await anext(events))[0] == "heartbeat"
        await plant.send(plant.readings(TEMPERATURE, [95.0], now_us))
        told = await _alarm(events, HOT)
        assert (told["state"], told["severity"], told["asset"]) == ("ACTIVE", "HIGH", "pump-1")
        listed = (await json_of(api, "/alarms", asset="pump-1"))["items"]
        assert [item["alarm_id"] for item in listed] == [HOT]
        asked = {"command": "ack", "comment": "on my way"}
        answers = await asyncio.gather(*(api.post(f"/alarms/{HOT}/commands", json=asked) for _ in range(2)))
        assert sorted(one.json()["outcome"] for one in answers) == ["accepted", "rejected"]
        assert (await _alarm(events, HOT))["state"] == "ACKNOWLEDGED"
    evidence = told["evidence"]
    place = f"{evidence['topic']}/{evidence['partition']}/{evidence['offset']}"
    record = await json_of(api, f"/records/{place}")
    assert json.loads(record["text"])["value"] == 95.0
    assert bytes.fromhex(record["hex"]).decode() == record["text"]
    away = await api.get(f"/records/{evidence['topic']}/{evidence['partition']}/{2**40}")
    assert away.status_code == 404
    assert "retention" in away.json()["hint"]
    # the journal is ahead of the table, which is as of the last commit
    assert (await json_of(api, f"/alarms/{HOT}"))["state"] == "ACKNOWLEDGED"
    journal = (await json_of(api, f"/alarms/{HOT}/journal"))["items"]
    assert [entry["state"] for entry in journal[:2]] == ["ACKNOWLEDGED", "ACTIVE"]
    assert journal[0]["comment"] == "on my way"
    on_topic = [json.loads(record.value or b"{}") for record in await plant.processes.read(Topic.ALARMS_CLEAN)]
    assert [one["transition"] for one in on_topic if one["alarm_id"] == HOT] == [
        entry["transition"] for entry in reversed(journal)
    ]


async def test_a_command_that_is_sent_again_has_no_second_effect_and_is_of_the_occurrence_that_was_seen(
    plant: WebPlant, api: httpx.AsyncClient
) -> None:
    await plant.send(plant.readings(TEMPERATURE, [96.0], time.time_ns() // 1000))

    async def raised() -> Any:
        return next(iter((await json_of(api, "/alarms", asset="pump-1"))["items"]), None)

    alarm = await until(raised)
    asked = {
        "command": "comment", "comment": "seen once", "command_id": str(uuid.uuid4()),
        "occurrence_id": alarm["occurrence_id"],
    }  # fmt: skip
    answers = [(await api.post(f"/alarms/{HOT}/commands", json=asked)).json() for _ in range(2)]
    assert [(one["outcome"], one["took_effect"]) for one in answers] == [("accepted", True), ("repeated", True)]
    journal = (await json_of(api, f"/alarms/{HOT}/journal"))["items"]
    assert [entry["comment"] for entry in journal].count("seen once") == 1
    of_another = asked | {"command_id": str(uuid.uuid4()), "occurrence_id": "an-earlier-one"}
    answers = [(await api.post(f"/alarms/{HOT}/commands", json=of_another)).json() for _ in range(2)]
    assert [(one["outcome"], one["took_effect"]) for one in answers] == [("rejected", False), ("repeated", False)]
    assert "raised again since" in answers[0]["reason"]


async def test_a_table_has_the_rows_of_the_changelog(plant: WebPlant, api: httpx.AsyncClient) -> None:
    await plant.send(plant.readings("acme/north/pump-7/flow", [7.0], time.time_ns() // 1000))

    async def row() -> Any:
        found = (await json_of(api, "/tables/series", key="acme/north/pump-7/"))["items"]
        return found[0] if found and found[0]["row"]["last_value"] == 7.0 else None

    shown = await until(row)
    settings = plant.settings
    async with Replica(settings.kafka_client_kwargs(), settings.topic(changelog_topic("telemetry"))) as replica:
        await replica.catch_up()
    [(partition, key, value)] = list(replica.scan(SERIES.prefix + b"acme/north/pump-7/"))
    element, _ = SERIES.unpack(value)
    assert (shown["partition"], bytes.fromhex(shown["changelog_key"])) == (partition, key)
    assert (shown["row"]["last_value"], shown["row"]["clean"]) == (element["last_value"], element["clean"])
    assert shown["commit"] <= replica.commits()[partition][0].number
    assert shown["changelog_offset"] <= replica.commits()[partition][1]
    names = {item["name"]: item for item in (await json_of(api, "/tables"))["items"]}
    assert names["series"]["rows"] >= 1
    assert (names["series"]["complete"], names["closed_windows"]["complete"]) == (True, False)


async def test_pages_of_a_list_are_the_list(api: httpx.AsyncClient) -> None:
    whole = [item["asset"] for item in (await json_of(api, "/assets"))["items"]]
    found, cursor = [], None
    while True:
        page = await json_of(api, "/assets", limit=1, **({"cursor": cursor} if cursor else {}))
        found += [item["asset"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == whole
    assert [one["asset"] for one in (await json_of(api, "/assets", q="FEED"))["items"]] == ["pump-1"]


async def test_what_was_never_heard_is_stale_and_what_is_not_there_is_404(api: httpx.AsyncClient) -> None:
    silent = await json_of(api, "/assets/acme/north/pump-2")
    assert (silent["worst"], silent["series"][0]["stale"], silent["series"][0]["value"]) == ("STALE", True, None)
    missing = await api.get("/assets/acme/north/pump-0")
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"
    assert missing.json()["detail"] == "There is no asset acme/north/pump-0."
    wrong = await api.get("/assets", params={"limit": 0})
    assert (wrong.status_code, wrong.json()["errors"][0]["where"]) == (422, "query.limit")
    assert (await api.get("/assets", params={"cursor": "no cursor"})).status_code == 400


async def test_a_series_is_stale_when_its_worker_is_killed_and_fresh_when_another_comes(
    plant: WebPlant, api: httpx.AsyncClient
) -> None:
    series = f"/series/{SPEED}"

    async def state(stale: bool) -> bool:
        return (await json_of(api, series))["stale"] is stale

    async def south_is_stale() -> bool:
        worst = {site["site"]: site["worst"] for site in (await json_of(api, "/overview"))["sites"]}
        return bool(worst["south"] == "STALE")

    async with plant.load(SPEED):
        await until(lambda: state(stale=False))
        worker = plant.processes.only_worker()
        worker.kill()
        try:
            await until(lambda: state(stale=True))
            # which is shared, and so a moment older
            await until(south_is_stale)
        finally:
            plant.processes.start_worker()
        await until(lambda: state(stale=False))
        rate = await until(lambda: _rate(api))
        assert 0 < rate < 100


async def test_a_web_view_that_was_killed_under_load_says_the_same_when_it_is_back(plant: WebPlant) -> None:
    async with plant.load(SPEED) as last:
        plant.stop_web()
        await asyncio.to_thread(plant.start_web)
        async with plant.client() as api:

            async def fresh() -> Any:
                answer = await api.get(f"/series/{SPEED}")
                one = answer.json()
                return one if answer.status_code == 200 and one["stale"] is False and one["value"] in seen else None

            seen = {last[SPEED]}

            async def watched() -> Any:
                seen.add(last[SPEED])
                return await fresh()

            assert (await until(watched))["unit"] == "rpm"


async def _rate(api: httpx.AsyncClient) -> float | None:
    rate: float = (await json_of(api, f"/series/{SPEED}"))["rate_per_s"]
    return rate or None


async def _last(plant: WebPlant, parameter: str) -> Any:
    clean = [json.loads(record.value or b"{}") for record in await plant.processes.read(Topic.TELEMETRY_CLEAN)]
    return [one for one in clean if one["parameter"] == parameter][-1]


async def _alarm(events: AsyncIterator[tuple[str, Any]], alarm_id: str) -> Any:
    async for name, data in events:
        if name == "alarm" and data["alarm_id"] == alarm_id:
            return data
    raise AssertionError("the stream has ended")


def _seconds(text: str) -> float:
    return to_us(text) / 1e6


def _later(text: str) -> str:
    return to_iso(to_us(text) + 7_000_000)
