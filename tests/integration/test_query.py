"""The same data in PostgreSQL and in Parquet files, written by the sinks: both stores give the same answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pyarrow as pa
import pytest
import requests
from moto.server import ThreadedMotoServer

from ironstream.contract import SeriesId
from ironstream.domain.times import MAX_US
from ironstream.embedded.postgres import EmbeddedPostgres
from ironstream.errors import ConfigurationError
from ironstream.query import parquet
from ironstream.query.errors import NothingStoredError, StoreUnreachableError
from ironstream.query.opened import open_store
from ironstream.query.origins import Origins, Span, times_of_days
from ironstream.query.patterns import SeriesPattern
from ironstream.query.series import AUTO, find_series, read_series
from ironstream.query.shapes import shape_of
from ironstream.query.store import Store
from ironstream.sinks.postgres.config import PostgresConfig
from ironstream.sinks.s3_parquet.config import S3ParquetConfig
from tests.support.clean.bodies import START_US
from tests.support.clean.records import reading
from tests.support.stores import HOUR_S, fill, parquet_sink, plant_log, postgres_sink

S = 1_000_000
HOUR = HOUR_S * S
BEFORE, AFTER = START_US - 48 * HOUR, START_US + 2 * HOUR
LABELS = ("readings", "aggregates_1min", "aggregates_1hour", "events", "alarms")
PUMP = "acme/north-works/pump-1/temperature"


@pytest.fixture(scope="session")
def filled(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A database and a directory that hold the same; no test changes them."""

    async def make() -> tuple[str, Path]:
        connection = await asyncpg.connect(postgres.dsn)
        await connection.execute("CREATE DATABASE query")
        await connection.close()
        dsn, root = postgres.dsn_of("query"), tmp_path_factory.mktemp("archive")
        for sink in (postgres_sink(dsn)[1], parquet_sink(root)[1]):
            await fill(sink, plant_log())
        return dsn, root

    return asyncio.run(make())


@pytest.fixture(params=["postgres", "s3-parquet"])
async def asked(request: pytest.FixtureRequest, filled: tuple[str, Path]) -> AsyncIterator[Store]:
    config: Any = postgres_sink(filled[0])[0] if request.param == "postgres" else parquet_sink(filled[1])[0]
    store = await open_store("store", request.param, config)
    yield store
    await store.close()


@pytest.fixture
async def both(filled: tuple[str, Path]) -> AsyncIterator[tuple[Store, Store]]:
    stores = (
        await open_store("store", "postgres", postgres_sink(filled[0])[0]),
        await open_store("archive", "s3-parquet", parquet_sink(filled[1])[0]),
    )
    yield stores
    for store in stores:
        await store.close()


async def everything(
    store: Store, label: str, pattern: str = "*", first_us: int = BEFORE, end_us: int = AFTER
) -> pa.Table:
    shape = shape_of(label)
    found = [table async for table in store.rows(shape, SeriesPattern.parse(pattern), first_us, end_us)]
    return pa.concat_tables([shape.schema.empty_table(), *found])


@pytest.mark.parametrize("label", LABELS)
async def test_both_stores_hold_the_same_rows_in_the_same_order(both: tuple[Store, Store], label: str) -> None:
    of_postgres, of_parquet = [await everything(store, label) for store in both]

    assert of_postgres.schema.equals(of_parquet.schema)
    assert of_postgres.to_pylist() == of_parquet.to_pylist()
    counts = {"readings": 2703, "aggregates_1min": 60, "aggregates_1hour": 3, "events": 3, "alarms": 4}
    assert len(of_postgres) == counts[label]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("pattern", ["pump-2", "pump-*", "north-works/pump-?/temp*", "zeta/*/*/*", "pump-[2-9]/*"])
async def test_both_stores_take_a_pattern_alike(both: tuple[Store, Store], label: str, pattern: str) -> None:
    of_postgres, of_parquet = [await everything(store, label, pattern) for store in both]

    assert of_postgres.to_pylist() == of_parquet.to_pylist()


async def test_small_pieces_give_what_large_ones_give(
    both: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "PIECE_ROWS", 300)
    of_postgres, of_parquet = [await everything(store, "readings") for store in both]

    assert of_postgres.to_pylist() == of_parquet.to_pylist()
    assert await both[0].last(SeriesPattern(), BEFORE) == await both[1].last(SeriesPattern(), BEFORE)


@pytest.mark.parametrize("pattern", ["*", "pump-[1]/*", "zeta/*/*/*"])
async def test_both_stores_know_which_raw_records_their_readings_were_made_of(
    both: tuple[Store, Store], pattern: str
) -> None:
    day = 86_400_000_000
    first = START_US // day
    # of two partitions that nobody has, and of some days alone, is nothing
    spans = [
        Span({0: (5, 1500), 7: (0, 10)}, times_of_days([first]), START_US + 5 * S),
        Span({0: (0, 10**9)}, times_of_days([first - 1, first, first + 400])),
        Span({0: (0, 10**9)}, times_of_days([first + 400])),
        Span({}, []),
    ]
    counts = []
    for span in spans:
        found: list[set[tuple[SeriesId, int, int]]] = [set(), set()]
        for store, into in zip(both, found, strict=True):

            def take(some: Origins, into: set[tuple[SeriesId, int, int]] = into) -> None:
                series = [some.names[at] for at in some.series.tolist()]
                into.update(zip(series, some.partitions.tolist(), some.offsets.tolist(), strict=True))

            await store.origins(span, SeriesPattern.parse(pattern), take)
        assert found[0] == found[1]
        counts.append(len(found[0]))
    assert counts[2:] == [0, 0]
    assert counts[1] > 0


async def test_a_range_holds_its_begin_and_not_its_end(asked: Store) -> None:
    found = await everything(asked, "readings", "pump-1/temperature", START_US, START_US + 8 * S)

    assert found["value"].to_pylist() == [20.0, 20.04]


async def test_all_times_there_are_may_be_asked_for(asked: Store) -> None:
    assert len(await everything(asked, "readings", "*", 0, MAX_US)) == 2703
    assert len(await asked.last(SeriesPattern(), 0)) == 4


async def test_a_restated_window_is_shown_as_it_is_now(asked: Store) -> None:
    found = await everything(asked, "aggregates_1min", "*", START_US + 300 * S, START_US + 360 * S)

    (row,) = found.to_pylist()
    assert (row["revision"], row["final"], row["avg"], row["p99"]) == (1, True, 99.0, 29.9)


async def test_json_reads_alike_whoever_wrote_it(asked: Store) -> None:
    found = (await everything(asked, "events")).to_pylist()

    assert found[0]["details"] == '{"a":[1,null,{"c":2.5,"z":"ü"}],"b":1}'
    assert (found[0]["from"], found[0]["to"]) == ('"idle"', '"running"')
    assert (found[1]["from"], found[1]["value"]) == (None, "3")
    assert [row["value"] for row in (await everything(asked, "alarms")).to_pylist()] == ["91.5", None, '"open"', "91.5"]


async def test_the_last_value_of_each_series_is_its_newest_reading(both: tuple[Store, Store]) -> None:
    of_postgres, of_parquet = [await store.last(SeriesPattern(), BEFORE) for store in both]

    assert of_postgres == of_parquet
    assert [str(one.series) for one in of_parquet] == [
        "acme/north-works/pump-1/pressure",
        PUMP,
        "acme/north-works/pump-2/temperature",
        "zeta/north-works/boiler-1/temperature",
    ]
    newest = of_parquet[2]
    assert (newest.value, newest.quality, newest.reasons) == (3596.0, "SUSPECT", ("clock_skew", "stuck"))
    assert newest.time_us == START_US + 3_596_500_000
    # of two of one time that of the later raw record
    assert of_parquet[3].value == 88.0


async def test_a_series_that_is_silent_for_longer_is_left_out(asked: Store) -> None:
    found = await asked.last(SeriesPattern.parse("*"), START_US + 60 * S)

    assert "zeta" not in {one.series.tenant_id for one in found}
    assert len(found) == 3


async def test_auto_takes_the_finest_that_is_short_enough(asked: Store) -> None:
    minute = await read_series(asked, PUMP, AUTO, START_US, START_US + 60 * S)
    hour = await read_series(asked, PUMP, AUTO, START_US, START_US + HOUR)

    assert (minute.resolution, len(minute.table)) == ("raw", 15)
    # 900 readings are too many
    assert (hour.resolution, len(hour.table)) == ("1min", 60)
    assert "asset_id" not in hour.table.column_names


async def test_auto_shows_what_only_a_coarser_resolution_still_has(asked: Store) -> None:
    # of the hours before, windows of an hour are there and nothing else
    found = await read_series(asked, PUMP, AUTO, START_US - 12 * HOUR, START_US + 60 * S)

    assert (found.resolution, len(found.table)) == ("1hour", 3)


async def test_the_tenant_may_be_left_out_where_there_is_no_doubt(asked: Store) -> None:
    pump = SeriesId("acme", "north-works", "pump-1", "temperature")

    for name in (PUMP, "north-works/pump-1/temperature", "pump-1/temperature"):
        assert await find_series(asked, name, BEFORE, AFTER) == pump


async def test_a_misspelt_series_is_answered_with_the_one_that_was_meant(asked: Store) -> None:
    for name, near in ((PUMP.replace("pump-1", "pmup-1"), PUMP), ("pump-1/temperatur", "pump-1/temperature")):
        with pytest.raises(NothingStoredError) as caught:
            await read_series(asked, name, "raw", BEFORE, AFTER)
        assert near in caught.value.hint


async def test_a_time_without_rows_and_a_resolution_that_is_not_stored_say_so(asked: Store) -> None:
    with pytest.raises(NothingStoredError, match=r"at 1min from .* to "):
        await read_series(asked, PUMP, "1min", START_US + 2 * HOUR, START_US + 3 * HOUR)
    with pytest.raises(ConfigurationError, match="no resolution"):
        await read_series(asked, PUMP, "1parsec", BEFORE, AFTER)
    with pytest.raises(ConfigurationError, match="no name"):
        await read_series(asked, "pump-1", "raw", BEFORE, AFTER)


async def test_a_name_of_several_series_asks_which_unless_one_is_of_the_default_tenant(tmp_path: Path) -> None:
    of_two = [reading(0, 0, 1.0), reading(1, 0, 2.0, tenant_id="zeta")]
    config, sink = parquet_sink(tmp_path)
    await fill(sink, {"telemetry.clean": of_two})
    with pytest.raises(ConfigurationError) as caught:
        await find_series(await open_store("a", "s3-parquet", config), "pump-1/temperature", BEFORE, AFTER)
    assert PUMP in caught.value.hint

    config, sink = parquet_sink(tmp_path)
    await fill(sink, {"telemetry.clean": [reading(2, 0, 1.0), reading(3, 0, 3.0, tenant_id="default")]})
    found = await find_series(await open_store("a", "s3-parquet", config), "pump-1/temperature", BEFORE, AFTER)
    assert found.tenant_id == "default"


async def test_a_question_can_change_nothing(filled: tuple[str, Path]) -> None:
    store = await open_store("store", "postgres", postgres_sink(filled[0])[0])
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await store._connection.execute("DELETE FROM ironstream.readings")  # type: ignore[attr-defined]
    await store.close()


async def test_a_store_that_is_not_there_yet_says_so(store: str, tmp_path: Path) -> None:
    with pytest.raises(NothingStoredError, match="no tables"):
        await open_store("store", "postgres", PostgresConfig.model_validate({"dsn": store}))
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(NothingStoredError, match=str(path)):
            await open_store("archive", "s3-parquet", S3ParquetConfig(path=str(path)))


async def test_a_store_that_is_away_says_where_it_was_looked_for(nowhere: str) -> None:
    config = PostgresConfig.model_validate({"dsn": f"postgresql://kim:hunter2@{nowhere}/plant"})

    with pytest.raises(StoreUnreachableError) as caught:
        await open_store("store", "postgres", config)

    assert nowhere in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.fixture
def s3() -> Iterator[str]:
    """An S3 with the bucket `plant`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    requests.put(f"http://{host}:{port}/plant", timeout=10)
    yield f"http://{host}:{port}"
    server.stop()


async def test_a_bucket_is_read_as_a_directory_is(s3: str, filled: tuple[str, Path]) -> None:
    keys = {"endpoint_url": s3, "access_key_id": "key", "secret_access_key": "hush"}
    config, sink = parquet_sink("s3://plant/history", **keys)
    await fill(sink, plant_log())
    bucket = await open_store("archive", "s3-parquet", config)
    directory = await open_store("archive", "s3-parquet", parquet_sink(filled[1])[0])

    assert bucket.labels == directory.labels
    assert (await everything(bucket, "readings")).equals(await everything(directory, "readings"))
    with pytest.raises(StoreUnreachableError) as caught:
        await open_store("archive", "s3-parquet", parquet_sink("s3://absent/history", **keys)[0])
    assert "bucket" in caught.value.hint
    assert "hush" not in str(caught.value)
