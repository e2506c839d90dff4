"""Rows that a real server refuses: each is found, however many there are, and costs no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from ironstream.engine.api import Record
from ironstream.sinks.breaker import Breaker
from ironstream.sinks.flow import Flow
from ironstream.sinks.postgres import sifting
from ironstream.sinks.postgres.config import PostgresConfig
from ironstream.sinks.postgres.sink import PostgresSink
from ironstream.sinks.sink import Refusal, SinkContext, SinkUnavailableError
from ironstream.sinks.stats import SinkStats
from ironstream.sinks.target import Target
from tests.support.clean.bodies import START
from tests.support.clean.records import aggregate, cut_of, event, reading, transition
from tests.support.engine import MemoryRecord, chunk

READINGS, MINUTES, EVENTS, ALARMS = "telemetry.clean", "telemetry.1min", "events.clean", "alarms.clean"
MANY = 20_000
SANE = "ALTER TABLE ironstream.readings ADD CONSTRAINT sane CHECK (value < 1000)"


@pytest.fixture
async def database(store: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(store)
    yield connection
    await connection.close()


@pytest.fixture
async def sink(store: str) -> AsyncIterator[PostgresSink]:
    made = PostgresSink(PostgresConfig.model_validate({"dsn": store}), SinkContext("store"))
    await made.connect()
    yield made
    await made.close()


class Letters:
    """Takes dead letters, and says up to where the log is done with."""

    closed = False

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.details: set[str] = set()
        self.next_offset = asyncio.get_running_loop().create_future()

    def send(self, record: Record, topic: str, partition: int, refusal: Refusal) -> None:
        self.offsets.append(record.offset)
        self.details.add(refusal.detail.partition(" (")[0])

    async def settled(self, partitions: set[int]) -> None:
        """At once."""

    def wrote(self, next_offset: int) -> None:
        self.next_offset.set_result(next_offset)


async def through_a_flow(sink: PostgresSink, records: Sequence[MemoryRecord]) -> Letters:
    """What becomes of records in the way that a process of a sink has them written, which never gives up."""
    stats, letters = SinkStats("store"), Letters()
    target = Target(sink, sink.limits.write_timeout_s, stats, Breaker())
    flow = Flow(READINGS, sink, sink.limits, target, letters, stats)
    running = asyncio.create_task(flow.run())
    await flow.put(chunk(READINGS, records), letters)
    assert await letters.next_offset == len(records)
    running.cancel()
    assert stats.last_error is None, "one try is enough"
    return letters


@pytest.mark.parametrize("good", [None, 13_337])
async def test_however_many_are_refused_each_is_a_dead_letter_and_a_good_one_among_them_is_stored(
    sink: PostgresSink, database: asyncpg.Connection, good: int | None
) -> None:
    await database.execute(SANE)
    records = [reading(at, value=1.0 if at == good else 2000.0, parameter=f"p{at % 7}") for at in range(MANY)]

    letters = await through_a_flow(sink, records)

    stored = [row["raw_offset"] for row in await database.fetch("SELECT raw_offset FROM ironstream.readings")]
    assert stored == ([] if good is None else [good])
    assert sorted(letters.offsets) == [at for at in range(MANY) if at != good]


async def test_every_second_row_is_refused_and_all_others_are_stored(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    await database.execute(SANE)
    records = [reading(at, value=2000.0 if at % 2 else 1.0) for at in range(4000)]

    refusals = await sink.write(cut_of(sink, READINGS, records))

    assert [refusal.place for refusal in refusals] == list(range(1, 4000, 2))
    rows = await database.fetch("SELECT raw_offset FROM ironstream.readings ORDER BY 1")
    assert [row["raw_offset"] for row in rows] == list(range(0, 4000, 2))


async def test_what_is_written_beside_refused_rows_carries_all_that_it_carries_without_them(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    reasons = ["no_device_time", "Einlaß µ"]
    logs = {
        "readings": (READINGS, [reading(at, quality_reasons=reasons if at else [], unit="°C") for at in range(3)]),
        "aggregates_1min": (MINUTES, [aggregate(at, at, aggregates={"p99": None}) for at in range(3)]),
        "events": (EVENTS, [event(at, name=f"e{at}", to={"mode": "ü", "rpm": at}, parameter=None) for at in range(3)]),
        "alarm_journal": (ALARMS, [transition(at, "o", at + 1, message="zu heiß") for at in range(3)]),
    }
    wanted = {}
    for table, (topic, records) in logs.items():
        assert await sink.write(cut_of(sink, topic, records)) == []
        wanted[table] = await database.fetch(f"SELECT * FROM ironstream.{table} ORDER BY 1, 2, 3")
    current = await database.fetch("SELECT * FROM ironstream.alarms")
    await database.execute(f"TRUNCATE {', '.join(f'ironstream.{table}' for table in (*logs, 'alarms'))}")
    bad = {
        "readings": ("gateway_time IS NOT NULL", reading(3, timestamps={"device_time": "2026-01-01T00:00:00Z"})),
        "aggregates_1min": ("avg < 1000", aggregate(3, 9, aggregates={"avg": 2000.0})),
        "events": ("type <> 'bad'", event(3, type="bad")),
        "alarm_journal": ("severity <> 'WORST'", transition(3, "o", 4, severity="WORST")),
    }
    for table, (topic, records) in logs.items():
        check, record = bad[table]
        await database.execute(f"ALTER TABLE ironstream.{table} ADD CONSTRAINT sane CHECK ({check})")

        refusals = await sink.write(cut_of(sink, topic, [*records[:1], record, *records[1:]]))

        assert [refusal.place for refusal in refusals] == [1]
        assert await database.fetch(f"SELECT * FROM ironstream.{table} ORDER BY 1, 2, 3") == wanted[table]
    assert await database.fetch("SELECT * FROM ironstream.alarms") == current


async def test_texts_that_the_encoding_of_the_database_lacks_are_refused_and_no_other(
    store: str, database: asyncpg.Connection
) -> None:
    name = await database.fetchval("SELECT current_database()")
    await database.execute(f"CREATE DATABASE {name}_latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    sink = PostgresSink(PostgresConfig.model_validate({"dsn": store.replace(name, f"{name}_latin")}), SinkContext("s"))
    records = [
        reading(0, unit="°C"),
        reading(1, unit="工場"),
        reading(2, quality_reasons=["für"]),
        reading(3, quality_reasons=["fine", "工場"]),
        reading(4),
    ]
    try:
        await sink.connect()

        refusals = await sink.write(cut_of(sink, READINGS, records))
    finally:
        await sink.close()
        await database.execute(f"DROP DATABASE {name}_latin WITH (FORCE)")

    assert [refusal.place for refusal in refusals] == [1, 3]
    assert all("(22P05)" in refusal.detail for refusal in refusals)


@pytest.mark.parametrize(("write_s", "try_s"), [(0.4, 30), (30, 0.1)], ids=["cut off", "ends by itself"])
async def test_a_server_that_takes_its_time_to_refuse_is_not_asked_again_what_it_has_said(
    sink: PostgresSink,
    database: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    write_s: float,
    try_s: float,
) -> None:
    monkeypatch.setattr(sifting, "CALL_S", 0.02)
    monkeypatch.setattr(sifting, "TRY_S", try_s)
    await database.execute("""
        CREATE FUNCTION think() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          PERFORM pg_sleep(0.005);
          RAISE check_violation USING MESSAGE = 'thought about', CONSTRAINT = 'thinking';
        END $$;
        CREATE TRIGGER think BEFORE INSERT ON ironstream.readings FOR EACH ROW WHEN (new.value > 1000)
          EXECUTE FUNCTION think();""")
    records = [reading(at, value=1.0 if at == 70 else 2000.0) for at in range(100)]
    cut, tries, progressed = cut_of(sink, READINGS, records), 0, []

    while True:
        tries += 1
        assert tries < 50, "a try must find some that those before it have not found"
        try:
            async with asyncio.timeout(write_s):
                refusals = await sink.write(cut)
            break
        except TimeoutError:
            assert write_s < try_s
        except SinkUnavailableError as error:
            progressed.append(error.progressed)

    assert all(progressed), "so that the breaker stays closed"
    assert tries > 1, "the rows were to be more than one try can find"
    assert [refusal.place for refusal in refusals] == [at for at in range(100) if at != 70]
    assert {refusal.detail for refusal in refusals} == {"thought about (23514)"}
    assert await database.fetchval("SELECT count(*) FROM ironstream.readings") == 1
    # of another cut nothing is known
    assert [refusal.place for refusal in await sink.write(cut_of(sink, READINGS, records[69:72]))] == [0, 2]


async def test_a_partition_that_is_gone_is_no_fault_of_the_rows_that_are_sifted(
    sink: PostgresSink, database: asyncpg.Connection
) -> None:
    await database.execute(SANE)
    await sink.write(cut_of(sink, READINGS, [reading(0), reading(1, -86_400)]))
    # the retention that comes with the first write makes the sink forget what partitions there are
    assert sink._dropping is not None
    await sink._dropping
    await sink.write(cut_of(sink, READINGS, [reading(0), reading(1, -86_400)]))
    await database.execute(f"DROP TABLE ironstream.readings_p{START:%Y%m%d}")

    with pytest.raises(SinkUnavailableError):
        await sink.write(cut_of(sink, READINGS, [reading(2, -86_399, 2000.0), reading(3, 1)]))

    refusals = await sink.write(cut_of(sink, READINGS, [reading(2, -86_399, 2000.0), reading(3, 1)]))
    assert [refusal.place for refusal in refusals] == [0]
    assert await database.fetchval("SELECT count(*) FROM ironstream.readings") == 2
