from __future__ import annotations

import asyncio
import os
import random
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from ironstream.sinks.classes import class_of
from ironstream.sinks.columns import SCHEMAS
from ironstream.sinks.s3_parquet.config import S3ParquetConfig
from ironstream.sinks.s3_parquet.kind import S3_PARQUET
from ironstream.sinks.s3_parquet.local import LocalStore
from ironstream.sinks.s3_parquet.sink import S3ParquetSink
from ironstream.sinks.s3_parquet.stores import store_of
from ironstream.sinks.sink import SinkContext, SinkUnavailableError
from tests.support.engine import MemoryRecord, chunk
from tests.support.parquet import (
    TOPICS,
    body,
    config_of,
    cut_of,
    files_below,
    log_of,
    log_with_repeats,
    offsets_in,
    query,
    record,
    sink_of,
)


async def opened(root: Path, **more: Any) -> S3ParquetSink:
    sink = sink_of(config_of(root, **more))
    await sink.connect()
    return sink


@pytest.mark.parametrize("topic", TOPICS)
async def test_every_class_is_read_back_as_it_was_written(tmp_path: Path, topic: str) -> None:
    sink = await opened(tmp_path)
    cut = cut_of(sink, log_of(10, topic), topic, chunk_size=4)
    assert await sink.write(cut) == ()
    label = {"telemetry.1min": "aggregates_1min"}.get(topic, topic.split(".")[0].replace("telemetry", "readings"))
    path = f"tenant=acme/class={label}/year=2025/month=11/day=21/{topic}-3-{0:020}.parquet"
    assert files_below(tmp_path) == [path]
    found = pq.read_table(tmp_path / path, partitioning=None).sort_by("offset")
    written = pa.concat_tables([part.prepared.rows for part in cut.parts])
    data_class = class_of(topic)
    assert data_class is not None
    assert found.schema.equals(SCHEMAS[data_class])
    assert found.to_pylist() == written.to_pylist()


async def test_tenants_and_days_have_their_own_files_and_duckdb_sees_one_dataset(tmp_path: Path) -> None:
    sink = await opened(tmp_path)
    await sink.write(cut_of(sink, log_of(600, tenants=("acme", "zeta"), days=3), chunk_size=50))
    assert len(files_below(tmp_path)) == 6
    assert query(tmp_path, 'count(*), count(DISTINCT "offset"), min("offset"), max("offset")') == [(600, 600, 0, 599)]
    assert query(tmp_path, "tenant, class, year, month, day, count(*)", "GROUP BY ALL ORDER BY ALL") == [
        (tenant, "readings", 2025, 11, day, 100) for tenant in ("acme", "zeta") for day in (19, 20, 21)
    ]
    assert query(tmp_path, "count(*)", "WHERE tenant != tenant_id OR day != day(time)") == [(0,)]


async def test_pyarrow_reads_all_of_it_as_one_dataset(tmp_path: Path) -> None:
    sink = await opened(tmp_path)
    await sink.write(cut_of(sink, log_of(60, tenants=("acme", "zeta"), days=2)))
    dataset = ds.dataset(tmp_path, partitioning="hive", format="parquet")
    assert dataset.count_rows(filter=(ds.field("tenant") == "acme") & (ds.field("day") == 21)) == 15
    assert sorted(dataset.to_table(columns=["offset"])["offset"].to_pylist()) == list(range(60))


async def test_a_file_is_sorted_by_series_and_time_and_says_so(tmp_path: Path) -> None:
    sink = await opened(tmp_path, row_group_rows=1000, compression="zstd", compression_level=5)
    log = log_of(3000)
    random.Random(1).shuffle(bodies := [one.value or b"" for one in log])
    await sink.write(cut_of(sink, [record(at, value) for at, value in enumerate(bodies)]))
    file = pq.ParquetFile(tmp_path / files_below(tmp_path)[0])
    rows = [(row["asset_id"], row["time"]) for row in file.read(columns=["asset_id", "time"]).to_pylist()]
    assert rows == sorted(rows)
    group = file.metadata.row_group(0)
    assert file.metadata.num_row_groups == 3
    names = [file.schema.column(column.column_index).path for column in group.sorting_columns]
    assert names == ["tenant_id", "site_id", "asset_id", "parameter", "time"]
    columns = {group.column(at).path_in_schema: group.column(at) for at in range(group.num_columns)}
    assert "RLE_DICTIONARY" in columns["asset_id"].encodings
    assert "DELTA_BINARY_PACKED" in columns["time"].encodings
    assert all(column.compression == "ZSTD" for column in columns.values())
    assert columns["time"].statistics.has_min_max
    assert columns["time"].has_offset_index
    assert columns["time"].has_column_index
    facts = {key.decode(): value.decode() for key, value in file.metadata.metadata.items()}
    assert facts["ironstream.topic"] == "telemetry.clean"
    assert (facts["ironstream.partition"], facts["ironstream.rows"]) == ("3", "3000")
    assert (facts["ironstream.first_offset"], facts["ironstream.last_offset"]) == ("0", "2999")


async def test_a_repeated_cut_stores_nothing_again(tmp_path: Path) -> None:
    log = log_of(50, tenants=("acme", "zeta"))
    for _ in range(2):
        sink = await opened(tmp_path)
        await sink.write(cut_of(sink, log))
    assert sink.left_out == 50
    assert len(files_below(tmp_path)) == 2
    assert offsets_in(tmp_path) == list(range(50))


async def test_rows_around_a_stored_range_become_two_files(tmp_path: Path) -> None:
    log = log_of(30)
    first, second = await opened(tmp_path), await opened(tmp_path)
    await first.write(cut_of(first, log[10:20]))
    await second.write(cut_of(second, log))
    assert [int(path[-28:-8]) for path in files_below(tmp_path)] == [0, 10, 20]
    assert offsets_in(tmp_path) == list(range(30))


async def test_of_two_writers_at_once_one_makes_the_file_and_the_other_goes_on_after_it(tmp_path: Path) -> None:
    log = log_of(60)
    first, second = await opened(tmp_path), await opened(tmp_path)
    for start, end, longer in ((0, 20, 25), (20, 40, 60)):
        await asyncio.gather(
            first.write(cut_of(first, log[start:end])), second.write(cut_of(second, log[start:longer]))
        )
        assert offsets_in(tmp_path) == list(range(longer))


class KilledError(Exception):
    pass


class Mortal(LocalStore):
    """Dies before or after the puts that it is told."""

    def __init__(self, root: Path, deaths: set[tuple[int, str]]) -> None:
        super().__init__(root)
        self.deaths = deaths
        self.puts = 0

    async def create(self, path: str, body: bytes) -> bool:
        self.puts += 1
        if (self.puts, "before") in self.deaths:
            raise KilledError
        made = await super().create(path, body)
        if (self.puts, "after") in self.deaths:
            raise KilledError
        return made


class Writer:
    """An owner of the partition: it holds on to where it is, and commits after each cut that it has written."""

    def __init__(self, config: S3ParquetConfig, topic: str, deaths: set[tuple[int, str]], group: list[int]) -> None:
        self.store = Mortal(Path(config.path), deaths)
        self.config, self.topic, self.group = config, topic, group
        self.position = group[0]
        self.sink = sink_of(config, self.store)

    def restart(self) -> None:
        """A new process, with nothing in memory, from the last commit."""
        self.sink, self.position = sink_of(self.config, self.store), self.group[0]

    async def step(self, log: list[MemoryRecord], size: int, chunk_size: int) -> None:
        records = log[self.position : self.position + size]
        if not records:
            return
        try:
            await self.sink.write(cut_of(self.sink, records, self.topic, chunk_size))
        except KilledError:
            self.restart()
            return
        self.position += len(records)
        self.group[0] = max(self.group[0], self.position)


_DEATHS = st.sets(st.tuples(st.integers(1, 12), st.sampled_from(["before", "after"])), max_size=6)
_STEPS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(1, 25), st.sampled_from(["", "", "", "together", "rewind"])), max_size=10
)
LOGS = {topic: log_with_repeats(60, topic, seed) for seed, topic in enumerate(TOPICS)}


@settings(max_examples=30)
@given(topic=st.sampled_from(TOPICS), first=_DEATHS, second=_DEATHS, steps=_STEPS)
def test_however_a_log_is_cut_by_two_writers_that_die_each_row_is_there_once(
    topic: str, first: set[tuple[int, str]], second: set[tuple[int, str]], steps: list[tuple[int, int, str]]
) -> None:
    """One may be an old owner that does not know of the other yet: it goes on where it was."""
    log, fresh = LOGS[topic]

    async def run(root: Path) -> None:
        group = [0]
        writers = [Writer(config_of(root), topic, deaths, group) for deaths in (first, second)]
        await writers[0].sink.connect()
        for which, size, how in steps:
            if how == "rewind":
                # a replay: never beyond what it has reached
                writers[which].position = min(size, writers[which].position)
            if how == "together":
                await asyncio.gather(*(writer.step(log, size + 3 * at, 7) for at, writer in enumerate(writers)))
            else:
                await writers[which].step(log, size, 5)
        for writer in writers:
            writer.store.deaths = set()
            writer.restart()
            while writer.position < len(log):
                await writer.step(log, 17, 17)
        assert offsets_in(root) == fresh

    with tempfile.TemporaryDirectory() as root:
        asyncio.run(run(Path(root)))


async def test_a_record_that_has_no_place_is_refused_and_the_rest_is_written(tmp_path: Path) -> None:
    sink = await opened(tmp_path / "lake")
    bodies: list[Any] = [body("telemetry.clean", at) for at in range(6)]
    bodies[1]["tenant_id"] = "../../etc"
    bodies[2] = b"not json"
    bodies[4]["timestamps"] = {"device_time": "0000-01-01T00:00:00Z", "gateway_time": "2026-11-21T00:00:00Z"}
    records = [record(at, said) for at, said in enumerate(bodies)]
    prepared = sink.prepare(chunk("telemetry.clean", records))
    assert {refusal.place for refusal in prepared.refusals} == {1, 2, 4}
    assert "tenant_id" in next(refusal.detail for refusal in prepared.refusals if refusal.place == 1)
    assert prepared.places.tolist() == [0, 3, 5]
    await sink.write(cut_of(sink, records))
    assert offsets_in(tmp_path / "lake") == [0, 3, 5]
    assert os.listdir(tmp_path) == ["lake"]


async def test_what_another_log_of_the_same_name_wrote_hides_nothing(tmp_path: Path) -> None:
    old, new = await opened(tmp_path), await opened(tmp_path, log_id="second")
    await old.write(cut_of(old, log_of(10)))
    await new.write(cut_of(new, log_of(10)))
    assert offsets_in(tmp_path) == sorted([*range(10), *range(10)])
    assert files_below(tmp_path)[0].endswith(f"/second.telemetry.clean-3-{0:020}.parquet")


async def test_the_prefix_of_a_deployment_is_in_the_names(tmp_path: Path) -> None:
    sink = sink_of(config_of(tmp_path), prefix="east.")
    await sink.connect()
    await sink.write(cut_of(sink, log_of(3)))
    assert files_below(tmp_path)[0].endswith(f"/east.telemetry.clean-3-{0:020}.parquet")


class Failing(LocalStore):
    """Fails at each put for which it is told to."""

    def __init__(self, root: Path, fails: list[bool]) -> None:
        super().__init__(root)
        self.fails = fails

    async def create(self, path: str, body: bytes) -> bool:
        if self.fails.pop(0):
            raise SinkUnavailableError("busy")
        return await super().create(path, body)


async def test_a_try_that_made_some_of_the_files_says_so_and_one_that_made_none_does_not(tmp_path: Path) -> None:
    sink = sink_of(config_of(tmp_path), Failing(tmp_path, [True, False, True, True, False]))
    await sink.connect()
    cut = cut_of(sink, log_of(40, tenants=("acme", "zeta")))
    told = []
    for _ in range(3):
        with pytest.raises(SinkUnavailableError) as caught:
            await sink.write(cut)
        told.append(caught.value.progressed)
    await sink.write(cut)
    assert told == [False, True, False]
    assert offsets_in(tmp_path) == list(range(40))


async def test_a_damaged_file_stops_the_partition_and_says_what_to_do(tmp_path: Path) -> None:
    sink = await opened(tmp_path)
    await sink.write(cut_of(sink, log_of(10)))
    path = tmp_path / files_below(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-20])
    again = await opened(tmp_path)
    with pytest.raises(SinkUnavailableError, match="not a whole file") as caught:
        await again.write(cut_of(again, log_of(10)))
    assert "replay" in caught.value.hint


async def test_without_conditional_puts_a_repeat_is_still_left_out(tmp_path: Path) -> None:
    for _ in range(2):
        sink = await opened(tmp_path, conditional_put=False)
        await sink.write(cut_of(sink, log_of(10)))
    assert offsets_in(tmp_path) == list(range(10))


async def test_the_loop_goes_on_while_a_large_cut_is_written(tmp_path: Path) -> None:
    sink = await opened(tmp_path)
    cut = cut_of(sink, log_of(20_000))
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    heart = asyncio.create_task(beat())
    await sink.write(cut)
    heart.cancel()
    # one for each await of the write would be a dozen
    assert beats > 100


async def test_an_empty_cut_makes_nothing(tmp_path: Path) -> None:
    sink = await opened(tmp_path)
    await sink.write(cut_of(sink, [record(0, b"refused")]))
    assert files_below(tmp_path) == []


async def test_the_test_says_what_it_reached(tmp_path: Path) -> None:
    assert S3_PARQUET.test is not None
    said = await S3_PARQUET.test(config_of(tmp_path), SinkContext("lake"))
    assert str(tmp_path) in said


def test_it_works_under_uvloop(tmp_path: Path) -> None:
    async def run() -> None:
        sink = await opened(tmp_path)
        await sink.write(cut_of(sink, log_of(10)))
        await sink.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    assert offsets_in(tmp_path) == list(range(10))


def test_a_store_is_made_without_touching_anything(tmp_path: Path) -> None:
    store_of(config_of(tmp_path / "new"))
    store_of(config_of("s3://bucket/prefix"))
    assert list(tmp_path.iterdir()) == []
