"""Every SQL of every panel runs on a PostgreSQL, and says what is true of a plant whose figures are known."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from deploy.grafana.build import FOLDER, rendered
from deploy.grafana.query import POSTGRES
from ironstream.embedded.postgres import EmbeddedPostgres
from tests.support.grafana.queries import ALL, Query, View, boards, interpolated, targets, variables_of
from tests.support.grafana.store import LEAKS, fill

BOARDS = boards(FOLDER)
QUERIES = {query.name: query for query in targets(BOARDS, POSTGRES)}
SIX_HOURS = timedelta(hours=6)
# some panels look at what is now, so the plant must be now too; all that matters is minutes away from its edges
NOW = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 600 * 600, UTC)
EVERYTHING: dict[str, dict[str, Any]] = {
    **{key: {"tenant": "acme", "site": ALL, "asset": ALL} for key in ("fleet", "quality", "alarms")},
    "asset": {
        "tenant": "acme",
        "site": "north-works",
        "asset": "pump-1",
        "parameter": ["pressure"],
        "resolution": "auto",
    },
}


@pytest.fixture(scope="module")
def plant(postgres: EmbeddedPostgres) -> str:
    """Where the plant's tables are; nothing writes into them."""

    async def make() -> None:
        connection = await asyncpg.connect(postgres.dsn)
        await connection.execute("CREATE DATABASE grafana_plant")
        await connection.close()
        await fill(postgres.dsn_of("grafana_plant"), NOW)

    asyncio.run(make())
    return postgres.dsn_of("grafana_plant")


@pytest.fixture
async def database(plant: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(plant, server_settings={"default_transaction_read_only": "on"})
    yield connection
    await connection.close()


def view(board: str, span: timedelta = SIX_HOURS, **chosen: Any) -> View:
    return View(NOW, span, EVERYTHING[board] | chosen)


async def rows(database: asyncpg.Connection, query: Query, seen: View) -> list[dict[str, Any]]:
    interval_ms = seen.interval_ms(query.panel.get("interval"))
    sql = interpolated(query.target["rawSql"], seen, variables_of(BOARDS[query.board]), interval_ms)
    return [dict(row) for row in await database.fetch(sql)]


async def ask(
    database: asyncpg.Connection, name: str, span: timedelta = SIX_HOURS, **chosen: Any
) -> list[dict[str, Any]]:
    query = QUERIES[name]
    return await rows(database, query, view(query.board, span, **chosen))


@pytest.mark.parametrize("name", QUERIES)
async def test_every_panel_has_something_to_show(name: str, database: asyncpg.Connection) -> None:
    found = await ask(database, name)

    assert found


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("span", [timedelta(minutes=5), timedelta(hours=1), timedelta(days=3), timedelta(days=365)])
async def test_every_panel_bears_any_time_range_and_choice(
    name: str, span: timedelta, database: asyncpg.Connection
) -> None:
    board = QUERIES[name].board
    single = {"site": "north-works", "asset": "pump-1", "parameter": "temperature", "resolution": "1min"}
    hostile: dict[str, Any] = {
        "site": ["a'; DROP TABLE x; --", "b"],
        "asset": ["it's"],
        "parameter": ["'"],
        "resolution": "1s",
    }
    if board == "asset":
        hostile |= {"site": "'", "asset": "' OR true --"}
    for chosen in (EVERYTHING[board], single, hostile):
        found = await ask(database, name, span, **{key: chosen[key] for key in EVERYTHING[board] if key in chosen})

        columns = [key for row in found[:1] for key in row]
        if QUERIES[name].target["format"] == "time_series":
            assert columns[:1] in ([], ["time"])
            times = [_seconds(row["time"]) for row in found]
            assert times == sorted(times)
            assert all(isinstance(row[key], str) for row in found for key in columns if key == "metric")
            assert not any(isinstance(row[key], str) for row in found for key in columns if key != "metric")


def _seconds(value: Any) -> float:
    return value.timestamp() if isinstance(value, datetime) else float(value)


@pytest.mark.parametrize("sizes", [{"10s": 10}, {"1hour": 3600}, {"1s": 1, "1min": 60}])
async def test_stores_with_other_windows_are_asked_for_those_alone(
    sizes: dict[str, int], database: asyncpg.Connection
) -> None:
    made = {name.removesuffix(".json"): json.loads(text) for name, text in rendered(sizes=sizes).items()}
    for query in targets(made, POSTGRES):
        for span in (timedelta(minutes=5), SIX_HOURS, timedelta(days=30)):
            await rows(database, query, view(query.board, span))


async def test_the_variables_offer_what_the_ones_before_leave(database: asyncpg.Connection) -> None:
    for name, board in BOARDS.items():
        if name == "pipeline":
            continue
        offered = {}
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                sql = interpolated(variable["query"], view(name), variables_of(board))
                offered[variable["name"]] = [row[0] for row in await database.fetch(sql)]
        assert offered["tenant"] == ["acme", "other"]
        assert offered["site"] == ["north-works", "south-depot"]
        one_site = name == "asset"
        assert offered["asset"] == (["pump-1", "tank-1"] if one_site else ["press-1", "pump-1", "tank-1"])
        assert offered.get("parameter", ["pressure", "temperature"]) == ["pressure", "temperature"]


async def test_the_fleet_counts_what_is_of_the_tenant_alone(database: asyncpg.Connection) -> None:
    [now] = await ask(database, "fleet/Now")
    sites = {row["site"]: row for row in await ask(database, "fleet/Sites")}
    assets = await ask(database, "fleet/Assets")

    # two series of pump-1 a second each, and tank-1 once or twice in the last minute; its newest is of now
    assert (now["assets"], now["silent"], now["not good"]) == (3, 1, 1)
    assert (now["standing alarms"], now["unacknowledged"]) == (3, 2)
    assert float(now["readings/s"]) == pytest.approx(2.03, abs=0.04)
    north, south = sites["north-works"], sites["south-depot"]
    assert (north["assets"], north["critical"], north["high"], north["other"], north["unacknowledged"]) == (
        2,
        1,
        1,
        0,
        1,
    )
    assert (south["assets"], south["critical"], south["high"], south["other"], south["unacknowledged"]) == (
        1,
        0,
        0,
        1,
        1,
    )
    assert (north["worst"], south["worst"]) == (3, 0)
    assert (north["age"], south["age"]) == (0, 7200)
    assert south["per_s"] == 0
    # whoever needs a person comes first
    assert [row["asset"] for row in assets] == ["pump-1", "press-1", "tank-1"]
    assert [row["worst"] for row in assets] == [3, 0, 0]


async def test_what_is_older_than_the_time_range_is_still_seen_last(database: asyncpg.Connection) -> None:
    assets = {row["asset"]: row for row in await ask(database, "fleet/Assets", timedelta(minutes=10))}

    assert assets["press-1"]["last_seen"] == NOW - timedelta(hours=2)
    assert assets["press-1"]["worst"] is None


async def test_readings_per_second_by_site_are_those_that_came(database: asyncpg.Connection) -> None:
    found = await ask(database, "fleet/Readings per second by site", timedelta(minutes=20))

    # the window in which the newest reading stands has that alone; tank-1 has no windows of a minute
    full = [row for row in found if row["time"] < NOW]
    assert {row["metric"] for row in full} == {"north-works"}
    assert [row["readings/s"] for row in full] == [2.0] * 20


@pytest.mark.parametrize(
    ("span", "points"),
    # every reading; windows of 1 s in buckets of 5 s; windows of 10 s in buckets of 30 s
    [(timedelta(minutes=10), 601), (timedelta(hours=1), 361), (timedelta(hours=6), 61)],
)
async def test_the_trend_takes_the_resolution_that_suits_the_time_range(
    database: asyncpg.Connection, span: timedelta, points: int
) -> None:
    found = await ask(database, "asset/${parameter}", span, parameter="temperature")

    assert len(found) == points
    assert min(row["min"] for row in found) == 1000 - min(span.total_seconds(), 1799)
    assert max(row["max"] for row in found) == 1000
    assert found[-1]["mean"] == 1000
    assert all(row["min"] <= row["mean"] <= row["max"] for row in found)


async def test_the_trend_marks_what_was_not_good(database: asyncpg.Connection) -> None:
    found = await ask(database, "asset/${parameter}", timedelta(minutes=10), parameter="temperature")

    assert sum(row["not GOOD"] is not None for row in found) == 180 + 1


async def test_a_series_without_small_windows_shows_its_readings(database: asyncpg.Connection) -> None:
    found = await ask(database, "asset/${parameter}", asset="tank-1", parameter="level")

    assert len(found) == pytest.approx(480, abs=2)


async def test_a_resolution_that_is_named_is_taken(database: asyncpg.Connection) -> None:
    found = await ask(database, "asset/${parameter}", timedelta(minutes=10), parameter="temperature", resolution="1min")

    assert len(found) == 11
    assert [row["max"] - row["min"] for row in found[:-1]] == [59.0] * 10


async def test_dead_sensors_stay_in_sight(database: asyncpg.Connection) -> None:
    both = await ask(database, "asset/Last values", parameter=["temperature", "pressure"])
    values = {row["parameter"]: row for row in both}

    assert values["pressure"]["value"] is None
    assert (values["pressure"]["quality"], values["pressure"]["reasons"]) == (3, "not_a_number")
    assert (values["temperature"]["value"], values["temperature"]["quality"]) == (1000, 2)
    trend = await ask(database, "asset/${parameter}", timedelta(minutes=10), parameter="pressure")
    assert trend[-1]["mean"] is None


async def test_the_asset_shows_its_own_alarms_and_events(database: asyncpg.Connection) -> None:
    alarms = await ask(database, "asset/Alarms")
    states = await ask(database, "asset/Alarm states")
    events = await ask(database, "asset/Events")

    assert [(row["type"], row["state"]) for row in alarms] == [("overheat", "ACTIVE"), ("low_pressure", "ACKNOWLEDGED")]
    # what was acknowledged yesterday begins at the left edge
    assert [(row["time"], row["metric"], row["state"]) for row in states] == [
        (NOW - SIX_HOURS, "low_pressure", 2), (NOW - timedelta(hours=1), "overheat", 4),
    ]  # fmt: skip
    assert [(row["type"], row["from"], row["to"]) for row in events] == [
        ("state", "true", "false"), ("clock_skew", None, None),
    ]  # fmt: skip


async def test_quality_is_that_of_what_came(database: asyncpg.Connection) -> None:
    assets = {row["asset"]: row for row in await ask(database, "quality/Assets, worst first")}
    sites = await ask(database, "quality/Share of GOOD by site")

    pump = assets["pump-1"]
    assert (pump["good"], pump["suspect"], pump["uncertain"], pump["bad"]) == (3600 - 182, 180, 1, 1)
    assert pump["good_share"] == pytest.approx(100 * 3418 / 3600)
    # it has windows of an hour alone, those that begin in the time range
    assert assets["tank-1"]["good_share"] == 100
    assert 400 <= assets["tank-1"]["good"] <= 480
    assert {row["metric"] for row in sites} == {"north-works", "south-depot"}
    assert min(row["% GOOD"] for row in sites) < 100 == max(row["% GOOD"] for row in sites)


async def test_reasons_gaps_and_clocks_are_told(database: asyncpg.Connection) -> None:
    reasons = {row["reason"]: row["readings"] for row in await ask(database, "quality/Reasons")}
    [gaps] = await ask(database, "quality/Series with gaps")
    clocks = {row["asset"]: row for row in await ask(database, "quality/Clocks")}
    skew = await ask(database, "quality/Clock skew, the 20 worst assets", timedelta(minutes=20))

    assert reasons == {"stuck": 180, "clock_skew": 10, "no_device_time": 1, "not_a_number": 1}
    assert (gaps["asset"], gaps["gaps"], gaps["missing"], gaps["longest"]) == ("tank-1", 2, 11, 450)
    assert (clocks["pump-1"]["events"], clocks["tank-1"]["skew"], clocks["tank-1"]["events"]) == (1, 0.2, 0)
    assert max(row["skew"] for row in skew) == 7


async def test_alarms_active_now_are_by_severity(database: asyncpg.Connection) -> None:
    found = await ask(database, "alarms/Active now")

    assert [(row["type"], row["severity"], row["state"]) for row in found] == [
        ("overheat", "CRITICAL", "ACTIVE"),
        ("low_pressure", "HIGH", "ACKNOWLEDGED"),
        ("oil_hot", "MEDIUM", "CLEARED_UNACKED"),
    ]


async def test_the_alarm_system_is_judged_by_its_figures(database: asyncpg.Connection) -> None:
    [figures] = await ask(database, "alarms/Figures")
    tens = await ask(database, "alarms/Alarms per ten minutes by site")
    top = await ask(database, "alarms/Top ten")
    [stale] = await ask(database, "alarms/Stale: standing for more than 24 h")
    [chattering] = await ask(database, "alarms/Chattering: three times in 60 s")
    [shelved] = await ask(database, "alarms/Shelved and suppressed now")

    assert (figures["standing"], figures["unacknowledged"], figures["stale"]) == (3, 2, 1)
    assert (figures["worst 10 min"], figures["chattering"]) == (LEAKS, 1)
    assert figures["in flood"] == pytest.approx(1 / 36)
    assert max((row["alarms"], row["metric"]) for row in tens) == (LEAKS, "north-works")
    assert sum(row["alarms"] for row in tens) == LEAKS + 4
    assert (top[0]["type"], top[0]["alarms"], top[0]["share"]) == ("leak", LEAKS, LEAKS / (LEAKS + 4))
    assert stale["type"] == "low_pressure"
    assert (chattering["type"], chattering["alarms"], chattering["chatters"]) == ("leak", LEAKS, LEAKS - 2)
    assert (shelved["type"], shelved["actor"]) == ("noise", "ann")


async def test_the_journal_has_every_transition_of_the_time_range(database: asyncpg.Connection) -> None:
    found = await ask(database, "alarms/Journal")

    assert len(found) == 1 + 2 + 2 + 2 + 2 * LEAKS
    assert found[0]["time"] == max(row["time"] for row in found)
