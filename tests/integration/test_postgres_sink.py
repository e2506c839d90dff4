"""The sink for PostgreSQL against a real server: every effect once, whatever comes how often in which order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from ironstream.embedded.postgres import EmbeddedPostgres
from ironstream.sinks.postgres.config import PostgresConfig
from ironstream.sinks.postgres.sink import PostgresSink
from ironstream.sinks.sink import SinkContext, SinkUnavailableError
from tests.support.clean.bodies import START
from tests.support.clean.records import aggregate, cut_of, event, reading, transition
from tests.support.engine import MemoryRecord

DAY_S = 86_400
READINGS, MINUTES, EVENTS, ALARMS = "telemetry.clean", "telemetry.1min", "events.clean", "alarms.clean"


@pytest.fixture
async def database(store: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(store)
    yield connection
    await connection.close()


@pytest.fixture
async def open_sink(store: str) -> AsyncIterator[Callable[..., Any]]:
    """Makes connected sinks on the store, which are closed at the end."""
    opened: list[PostgresSink] = []

    async def make(now: Callable[[], datetime] | None = None, **config: Any) -> PostgresSink:
        arguments = {} if now is None else {"now": now}
        sink = PostgresSink(PostgresConfig.model_validate({"dsn": store, **config}), SinkContext("store"), **arguments)
        opened.append(sink)
        await sink.connect()
        return sink

    yield make
    for sink in opened:
        await sink.close()


@pytest.fixture
async def sink(open_sink: Callable[..., Any]) -> PostgresSink:
    made: PostgresSink = await open_sink()
    return made


async def all_of(database: asyncpg.Connection, table: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await database.fetch(f"SELECT * FROM ironstream.{table} ORDER BY 1, 2, 3")]


async def test_a_reading_arrives_with_all_that_it_carries(sink: PostgresSink, database: asyncpg.Connection) -> None:
    reasons = ["no_device_time", "clock_skew"]
    known = {"boot": "b", "seq": 6}
    record = reading(5, value=-0.0, quality="UNCERTAIN", quality_reasons=reasons, unit="°C", metadata=known)

    assert await sink.write(cut_of(sink, READINGS, [record])) == []

    assert await all_of(database, "telemetry") == [
        {
            "time": START + timedelta(seconds=5),
            "tenant_id": "acme",
            "site_id": "north-works",
            "site_name": None,
            "asset_id": "pump-1",
            "machine_type": None,
            "parameter": "temperature",
            "canonical_name": None,
            "value": 0.0,
            "unit": "°C",
            "quality": "UNCERTAIN",
            "reasons": ["no_device_time", "clock_skew"],
            "gateway_time": START + timedelta(seconds=5.02),
            "kafka_time": START + timedelta(seconds=5.03),
            "clock_skew_ms": 20,
            "seq": 6,
            "topology_version": 3,
            "raw_partition": 0,
            "raw_offset": 5,
            "series_id": 1,
        }
    ]


async def test_an_aggregate_an_event_and_an_alarm_arrive_with_all_that_they_carry(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    await sink.write(cut_of(sink, MINUTES, [aggregate(2, 2, final=True)]))
    await sink.write(cut_of(sink, EVENTS, [event(3, name="event-3", to={"mode": "run", "rpm": 1500})]))
    await sink.write(cut_of(sink, ALARMS, [transition(1, "o-1", 1, parameter=None)]))

    (minute,) = await all_of(database, "agg_1min")
    assert (minute["avg"], minute["count"], minute["good"], minute["final"]) == (20.0, 60, 60, True)
    assert (minute["window_start"], minute["asset_id"]) == (START + timedelta(minutes=2), "pump-1")
    (found,) = await all_of(database, "events")
    assert (found["id"], found["from"], found["to"]) == ("event-3", '"idle"', '{"rpm": 1500, "mode": "run"}')
    (alarm,), (entry,) = await all_of(database, "alarms"), await all_of(database, "alarm_journal")
    assert alarm == entry
    assert (alarm["message"], alarm["value"], alarm["parameter"], alarm["evidence_offset"]) == (
        "too hot: 91 °C", "91.5", None, 12,
    )  # fmt: skip


async def test_the_same_log_cut_differently_leaves_each_row_once_and_writes_none_of_it_again(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    records = [reading(number, parameter=f"p{number % 7}") for number in range(300)]
    await sink.write(cut_of(sink, READINGS, records[:100], records[100:250]))
    await sink.write(cut_of(sink, READINGS, records[250:]))
    before = await all_of(database, "readings")
    versions = await database.fetch("SELECT tableoid, ctid, xmin FROM ironstream.readings ORDER BY 1, 2")

    await sink.write(cut_of(sink, READINGS, records[40:60], records[20:300]))
    await sink.write(cut_of(sink, READINGS, records[:77]))

    assert len(before) == 300
    assert await all_of(database, "readings") == before
    # no row has a new version: a replay costs no bloat
    assert await database.fetch("SELECT tableoid, ctid, xmin FROM ironstream.readings ORDER BY 1, 2") == versions


async def test_after_a_replay_new_rows_go_straight_into_the_table_again(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    ways = []
    for first, end in ((0, 10), (5, 15), (15, 20), (20, 25)):
        await sink.write(cut_of(sink, READINGS, [reading(number) for number in range(first, end)]))
        ways.append("readings" in sink._repeating)

    assert ways == [False, True, False, False]
    assert await database.fetchval("SELECT count(*) FROM ironstream.readings") == 25


async def test_a_key_twice_in_a_cut_is_written_once_and_the_last_one_wins(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    await sink.write(cut_of(sink, READINGS, [reading(1, value=1.0), reading(1, value=2.0)], [reading(1, value=3.0)]))

    assert [row["value"] for row in await all_of(database, "readings")] == [3.0]

    await sink.write(cut_of(sink, READINGS, [reading(1, value=None, quality="BAD")]))

    assert [(row["value"], row["quality"]) for row in await all_of(database, "readings")] == [(None, 3)]


@pytest.mark.parametrize(
    ("arrivals", "kept"),
    [
        ([(0, True, 1.0), (1, True, 2.0)], (1, True, 2.0)),
        ([(1, True, 2.0), (0, True, 1.0)], (1, True, 2.0)),
        ([(0, False, 1.0), (0, True, 2.0)], (0, True, 2.0)),
        ([(0, True, 2.0), (0, False, 1.0)], (0, True, 2.0)),
        ([(1, True, 2.0), (1, True, 3.0)], (1, True, 3.0)),
        ([(2, False, 9.0), (1, True, 2.0)], (2, False, 9.0)),
    ],
)
async def test_a_window_is_what_its_highest_revision_says_in_whatever_order_and_cuts_they_come(
    sink: PostgresSink,
    database: asyncpg.Connection,
    arrivals: list[tuple[int, bool, float]],
    kept: tuple[int, bool, float],
) -> None:
    apart = [aggregate(0, 0, revision, final=final, aggregates={"avg": avg}) for revision, final, avg in arrivals]
    together = [
        aggregate(offset, 1, revision, final=final, aggregates={"avg": avg})
        for offset, (revision, final, avg) in enumerate(arrivals)
    ]

    for record in apart:
        await sink.write(cut_of(sink, MINUTES, [record]))
    await sink.write(cut_of(sink, MINUTES, together))

    found = [(row["revision"], row["final"], row["avg"]) for row in await all_of(database, "aggregates_1min")]
    assert found == [kept, kept]


async def test_transitions_out_of_order_leave_the_whole_journal_and_the_newest_state(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    await sink.write(
        cut_of(sink, ALARMS, [transition(3, "o-1", 3, "CLEARED"), transition(1, "o-1", 1), transition(1, "o-2", 1)])
    )
    await sink.write(
        cut_of(sink, ALARMS, [transition(2, "o-1", 2, "ACKNOWLEDGED"), transition(3, "o-1", 3, "CLEARED")])
    )

    journal = [(row["occurrence_id"], row["transition"]) for row in await all_of(database, "alarm_journal")]
    assert journal == [("o-1", 1), ("o-1", 2), ("o-1", 3), ("o-2", 1)]
    assert [(row["occurrence_id"], row["state"], row["transition"]) for row in await all_of(database, "alarms")] == [
        ("o-1", "CLEARED", 3),
        ("o-2", "ACTIVE", 1),
    ]


async def test_an_event_that_comes_again_changes_nothing(sink: PostgresSink, database: asyncpg.Connection) -> None:
    await sink.write(cut_of(sink, EVENTS, [event(1, name="event-1"), event(2, name="event-2")]))
    await sink.write(cut_of(sink, EVENTS, [event(2, name="event-2", to="other"), event(3, name="event-3")]))

    found = [(row["id"], row["to"]) for row in await all_of(database, "events")]
    assert found == [(f"event-{number}", '"running"') for number in (1, 2, 3)]


async def test_bad_rows_are_refused_one_by_one_and_all_others_are_written(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    await database.execute("ALTER TABLE ironstream.readings ADD CONSTRAINT sane CHECK (value < 1000)")
    records = [reading(number, value=2000.0 + number if number in (17, 18, 399) else 1.0) for number in range(400)]

    refusals = await sink.write(cut_of(sink, READINGS, records[:200], records[200:]))

    assert [refusal.place for refusal in refusals] == [17, 18, 399]
    assert {refusal.reason for refusal in refusals} == {"refused"}
    assert "sane" in refusals[0].detail
    assert "23514" in refusals[0].detail
    assert await database.fetchval("SELECT count(*) FROM ironstream.readings") == 397


async def test_of_a_key_that_comes_twice_the_record_before_the_refused_one_is_stored(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    await database.execute("ALTER TABLE ironstream.aggregates_1min ADD CONSTRAINT sane CHECK (avg < 1000)")
    records = [
        aggregate(0, 0),
        aggregate(1, 1),
        aggregate(2, 0, 1, aggregates={"avg": 2.0}),
        aggregate(3, 0, 2, aggregates={"avg": 2000.0}),
        aggregate(4, 2),
    ]

    refusals = await sink.write(cut_of(sink, MINUTES, records))

    assert [refusal.place for refusal in refusals] == [3]
    found = await all_of(database, "aggregates_1min")
    assert sorted((row["revision"], row["avg"]) for row in found) == [(0, 20.0), (0, 20.0), (1, 2.0)]


async def test_a_refused_record_that_comes_again_in_its_cut_is_refused_each_time(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    await database.execute("ALTER TABLE ironstream.readings ADD CONSTRAINT sane CHECK (value < 1000)")
    bad = reading(1, value=2000.0)

    refusals = await sink.write(cut_of(sink, READINGS, [reading(0), bad, reading(2)], [reading(0), bad, reading(3)]))

    assert [refusal.place for refusal in refusals] == [1, 4]
    assert await database.fetchval("SELECT count(*) FROM ironstream.readings") == 3


async def test_what_the_server_cannot_read_as_json_is_refused_alone(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    refusals = await sink.write(
        cut_of(sink, EVENTS, [event(1, name="event-1"), event(2, name="event-2", to="a\0b"), event(3, name="event-3")])
    )

    assert [refusal.place for refusal in refusals] == [1]
    assert "Unicode" in refusals[0].detail
    assert [row["id"] for row in await all_of(database, "events")] == ["event-1", "event-3"]


async def test_a_series_that_the_server_refuses_takes_its_rows_alone(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    await database.execute("ALTER TABLE ironstream.series ADD CONSTRAINT named CHECK (parameter <> 'bad')")
    records = [reading(number, parameter="bad" if number % 3 == 0 else "good") for number in range(9)]

    refusals = await sink.write(cut_of(sink, READINGS, records))

    assert [refusal.place for refusal in refusals] == [0, 3, 6]
    assert "named" in refusals[0].detail
    assert await database.fetchval("SELECT count(*) FROM ironstream.readings") == 6


def test_what_no_server_could_store_is_refused_before_the_write() -> None:
    sink = PostgresSink(PostgresConfig(host="nowhere"), SinkContext("store"))
    records = [
        reading(0),
        reading(1, unit="\0"),
        reading(2, asset_id="no/name"),
        reading(3, quality="EXCELLENT"),
        reading(4, quality_reasons=["fine", "a\0b"]),
        reading(5, parameter="p" * 129),
        reading(6),
        reading(7, (datetime(9999, 12, 31, tzinfo=UTC) - START).total_seconds()),
    ]

    prepared = cut_of(sink, READINGS, records).parts[0].prepared

    assert sorted(refusal.place for refusal in prepared.refusals) == [1, 2, 3, 4, 5, 7]
    assert {refusal.reason for refusal in prepared.refusals} == {"malformed"}
    assert prepared.places.tolist() == [0, 6]
    assert len(prepared.rows) == 2


async def test_the_unit_and_names_of_a_series_are_the_newest_that_were_told(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    await sink.write(cut_of(sink, READINGS, [reading(1, site_name="North Works", canonical_name="Temperature")]))
    await sink.write(cut_of(sink, READINGS, [reading(2, unit="bar"), reading(3, unit="K")]))
    await sink.write(cut_of(sink, READINGS, [reading(4, unit=None)]))

    (series,) = await all_of(database, "series")
    assert (series["unit"], series["site_name"], series["canonical_name"]) == ("K", "North Works", "Temperature")


async def test_backfill_makes_the_partitions_of_the_past_that_it_needs(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    times = [START - timedelta(days=days) for days in (0, 1, 400, 20_000)]

    await sink.write(
        cut_of(sink, READINGS, [reading(number, (time - START).total_seconds()) for number, time in enumerate(times)])
    )
    await sink.write(cut_of(sink, MINUTES, [aggregate(0, 0), aggregate(1, -50_000)]))

    names = await database.fetch("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY relname")
    assert [row["relname"] for row in names] == [
        "aggregates_1min_p20251009",
        "aggregates_1min_p20251108",
        "readings_p19710218",
        "readings_p20241017",
        "readings_p20251120",
        "readings_p20251121",
    ]
    assert [row["time"] for row in await all_of(database, "telemetry")] == sorted(times)


async def test_a_window_size_of_ones_own_has_its_table_and_view_when_it_is_first_written(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    await sink.write(cut_of(sink, "telemetry.90s", [aggregate(1, 1)]))

    assert len(await all_of(database, "aggregates_90s")) == 1
    assert len(await all_of(database, "agg_90s")) == 1


async def test_retention_drops_whole_partitions_and_what_is_older_is_not_stored_again(
    open_sink: Callable[..., Any], database: asyncpg.Connection
) -> None:
    clock = [START]
    kept = {"readings_days": 2, "aggregates_days": {"1min": 400}, "alarms_days": 1}
    sink = await open_sink(lambda: clock[0], retention=kept)
    days = [reading(day, day * DAY_S) for day in (-3, -2, -1, 0)]
    await sink.write(cut_of(sink, READINGS, days))
    await sink.write(cut_of(sink, MINUTES, [aggregate(0, 0)]))
    await sink.write(
        cut_of(sink, ALARMS, [transition(1, "o-1", 1), transition(2, "o-1", 2, "CLEARED"), transition(1, "o-2", 1)])
    )
    assert [row["raw_offset"] for row in await all_of(database, "telemetry")] == [-2, -1, 0]

    clock[0] += timedelta(days=2)
    dropped = await sink.drop_old()
    await sink.write(cut_of(sink, READINGS, days))

    assert dropped == [
        "readings_p20251119", "readings_p20251120", "alarm_journal (3 rows)", "alarms (1 rows)",
    ]  # fmt: skip
    assert [row["raw_offset"] for row in await all_of(database, "telemetry")] == [0]
    assert len(await all_of(database, "aggregates_1min")) == 1
    assert [row["occurrence_id"] for row in await all_of(database, "alarms")] == ["o-2"]


async def test_retention_runs_beside_a_write_and_not_with_the_next(
    open_sink: Callable[..., Any], database: asyncpg.Connection
) -> None:
    clock = [START]
    sink = await open_sink(lambda: clock[0], retention={"readings_days": 1})
    other = await open_sink()
    await other.write(cut_of(other, READINGS, [reading(0, -5 * DAY_S)]))

    await sink.write(cut_of(sink, READINGS, [reading(1)]))
    first = sink._dropping
    await asyncio.wait_for(first, 60)
    await sink.write(cut_of(sink, READINGS, [reading(2)]))

    assert [row["raw_offset"] for row in await all_of(database, "telemetry")] == [1, 2]
    assert sink._dropping is first


async def test_a_partition_that_vanishes_under_a_write_is_no_fault_of_the_rows(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    await sink.write(cut_of(sink, READINGS, [reading(1)]))
    # the retention that comes with the first write makes the sink forget what partitions there are
    assert sink._dropping is not None
    await sink._dropping
    await sink.write(cut_of(sink, READINGS, [reading(1)]))
    await database.execute("DROP TABLE ironstream.readings_p20251121")

    with pytest.raises(SinkUnavailableError, match="no partition"):
        await sink.write(cut_of(sink, READINGS, [reading(1), reading(2)]))
    assert await sink.write(cut_of(sink, READINGS, [reading(1), reading(2)])) == []

    assert await database.fetchval("SELECT count(*) FROM ironstream.readings") == 2


async def test_other_intervals_than_before_take_what_lies_between_the_partitions_there_are(
    open_sink: Callable[..., Any], database: asyncpg.Connection
) -> None:
    daily, weekly = await open_sink(), await open_sink(intervals={"readings_days": 7})
    await daily.write(cut_of(daily, READINGS, [reading(0)]))

    await weekly.write(cut_of(weekly, READINGS, [reading(day, day * DAY_S) for day in range(-9, 9)]))

    assert await database.fetchval("SELECT count(*) FROM ironstream.readings") == 18


async def test_topics_are_written_at_the_same_time(sink: PostgresSink, database: asyncpg.Connection) -> None:
    await asyncio.gather(
        sink.write(cut_of(sink, READINGS, [reading(number, parameter=f"p{number % 50}") for number in range(500)])),
        sink.write(cut_of(sink, MINUTES, [aggregate(number, number) for number in range(500)])),
        sink.write(cut_of(sink, EVENTS, [event(number, name=f"event-{number}") for number in range(100)])),
        sink.write(cut_of(sink, ALARMS, [transition(number, "o-1", number) for number in range(1, 100)])),
    )

    counts = [
        await database.fetchval(f"SELECT count(*) FROM ironstream.{table}")
        for table in ("readings", "aggregates_1min", "events", "alarm_journal", "alarms", "series")
    ]
    assert counts == [500, 500, 100, 99, 1, 51]


async def test_a_write_goes_on_after_the_server_was_restarted(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with EmbeddedPostgres(tmp_path_factory.mktemp("restarted")) as server:
        sink = PostgresSink(PostgresConfig.model_validate({"dsn": server.dsn}), SinkContext("store"))
        await sink.connect()
        await sink.write(cut_of(sink, READINGS, [reading(1)]))

        server.kill()
        with pytest.raises(SinkUnavailableError) as gone:
            await sink.write(cut_of(sink, READINGS, [reading(1), reading(2)]))
        with pytest.raises(SinkUnavailableError):
            await sink.connect()
        await server.start()
        await sink.connect()
        await sink.write(cut_of(sink, READINGS, [reading(1), reading(2)]))

        connection = await asyncpg.connect(server.dsn)
        assert await connection.fetchval("SELECT count(*) FROM ironstream.readings") == 2
        await connection.close()
        await sink.close()
        assert server.dsn.split(":")[2].split("@")[0] not in str(gone.value)


async def test_a_write_that_is_given_up_leaves_nothing_and_can_be_repeated(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    records = [reading(number) for number in range(50)]
    await sink.write(cut_of(sink, READINGS, records[:1]))
    locked = database.transaction()
    await locked.start()
    await database.execute("LOCK TABLE ironstream.readings IN SHARE ROW EXCLUSIVE MODE")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sink.write(cut_of(sink, READINGS, records)), 0.3)
    await locked.rollback()

    assert await database.fetchval("SELECT count(*) FROM ironstream.readings") == 1
    await sink.write(cut_of(sink, READINGS, records))
    assert await database.fetchval("SELECT count(*) FROM ironstream.readings") == 50


async def test_a_statement_that_takes_too_long_is_given_up_with_a_hint(
    open_sink: Callable[..., Any], database: asyncpg.Connection
) -> None:
    sink = await open_sink(statement_timeout_s=0.3)
    await sink.write(cut_of(sink, READINGS, [reading(1)]))
    async with database.transaction():
        await database.execute("LOCK TABLE ironstream.readings IN SHARE ROW EXCLUSIVE MODE")
        with pytest.raises(SinkUnavailableError, match="statement_timeout_s"):
            await sink.write(cut_of(sink, READINGS, [reading(2)]))


@pytest.mark.parametrize("unit", [b"\xff\xfe", b"\\ud800", b"\xed\xa0\x80"])
async def test_text_that_is_no_unicode_is_refused_and_its_neighbours_are_written(
    sink: PostgresSink, database: asyncpg.Connection, unit: bytes
) -> None:
    good, bad = reading(1), reading(2)
    assert bad.value is not None
    bad = MemoryRecord(2, 0, b"k", bad.value.replace(b"degC", unit))

    one = cut_of(sink, READINGS, [good, bad, reading(3)])
    refused = [refusal.place for refusal in one.parts[0].prepared.refusals]
    refused += [refusal.place for refusal in await sink.write(one)]

    assert refused == [1]
    assert await database.fetchval("SELECT count(*) FROM ironstream.readings") == 2


def test_the_clock_of_retention_is_that_of_the_machine() -> None:
    sink = PostgresSink(PostgresConfig(host="nowhere"), SinkContext("store"))

    assert abs(sink._now() - datetime.now(UTC)) < timedelta(minutes=1)
