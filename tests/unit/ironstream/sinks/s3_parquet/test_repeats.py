from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.sinks.classes import DataClass
from ironstream.sinks.s3_parquet.compaction import compact_store
from ironstream.sinks.s3_parquet.local import LocalStore
from ironstream.sinks.s3_parquet.repeats import (
    IDENTITIES,
    NO_MARK,
    Marks,
    doubtful_marks,
    marks_of,
    with_marks,
    without_repeats,
)
from ironstream.sinks.s3_parquet.sink import S3ParquetSink
from ironstream.sinks.sink import CompactOptions, SinkUnavailableError
from tests.support.clean import bodies
from tests.support.clean.records import record_of
from tests.support.engine import MemoryRecord
from tests.support.parquet import (
    TOPICS,
    config_of,
    cut_of,
    files_below,
    log_of,
    log_with_repeats,
    offsets_in,
    query,
    sink_of,
)
from tests.unit.ironstream.sinks.s3_parquet.test_compaction import NOW


class Watched(LocalStore):
    """Counts the files that are read as a whole."""

    reads = 0

    async def read(self, path: str) -> bytes:
        self.reads += 1
        return await super().read(path)


async def written(root: Path, log: Sequence[MemoryRecord], *cuts: tuple[int, int], topic: str = TOPICS[0]) -> Watched:
    """What one process does that writes these cuts."""
    store = Watched(root)
    sink = sink_of(config_of(root), store)
    await sink.connect()
    for start, end in cuts:
        await sink.write(cut_of(sink, log[start:end], topic))
    return store


def again(log: Sequence[MemoryRecord], start: int, end: int) -> list[MemoryRecord]:
    """The log, and behind it once more what it has from `start` to `end`."""
    return [*log, *(record_of(len(log) + at, one.value or b"", _id(one)) for at, one in enumerate(log[start:end]))]


def _id(record: MemoryRecord) -> str | None:
    return next((value.decode() for _, value in record.headers), None)


@pytest.mark.parametrize("topic", TOPICS)
async def test_what_a_worker_wrote_twice_is_there_once_and_duckdb_alone_says_so(tmp_path: Path, topic: str) -> None:
    log, fresh = log_with_repeats(200, topic, seed=9)
    assert len(log) > len(fresh)
    for start in range(0, len(log), 50):
        # each cut by a new process, which knows nothing but the files
        await written(tmp_path, log, (start, start + 50), topic=topic)
    assert offsets_in(tmp_path) == fresh
    assert query(tmp_path, "count(*)") == [(200,)]


async def test_files_are_read_only_where_a_row_may_be_in_one(tmp_path: Path) -> None:
    log = again(log_of(60), 35, 60)
    store = await written(tmp_path, log, (0, 20), (20, 40), (40, 60))
    assert store.reads == 0
    assert (await written(tmp_path, log, (60, 85))).reads == 2
    assert offsets_in(tmp_path) == list(range(60))


async def test_what_follows_repeats_is_a_file_that_a_compaction_joins_to_those_before(tmp_path: Path) -> None:
    log = again(log_of(30), 20, 30)
    log += [record_of(40 + at, one.value or b"", _id(one)) for at, one in enumerate(log_of(60)[30:])]
    await written(tmp_path, log, (0, 30), (30, 50), (50, 70))
    assert [int(path[-28:-8]) for path in files_below(tmp_path)] == [0, 40, 50]
    await compact_store(LocalStore(tmp_path), config_of(tmp_path), CompactOptions(), NOW)
    [path] = files_below(tmp_path)
    facts = pq.read_metadata(tmp_path / path).metadata
    assert [int(facts[b"ironstream.mark_" + name]) for name in (b"low", b"high", b"reach")] == [1000, 1059, 1059]
    # the worker dies again, and the only file that knows of its rows is the merged one
    await written(tmp_path, again(log, 40, 60), (70, 90))
    assert offsets_in(tmp_path) == [*range(30), *range(40, 70)]


async def test_a_hole_that_is_filled_later_takes_nothing_that_came_again_behind_it(tmp_path: Path) -> None:
    log = again(log_of(60), 30, 60)
    await written(tmp_path, log, (0, 20), (60, 90))
    await written(tmp_path, log, (0, 60))
    assert query(tmp_path, "count(*), count(DISTINCT raw_offset)") == [(60, 60)]
    # what was stored first stays where it is, even if it came later
    assert offsets_in(tmp_path) == [*range(30), *range(60, 90)]


async def test_readings_of_no_raw_record_are_all_kept(tmp_path: Path) -> None:
    log = [record_of(at, bodies.reading(1.0, 2.0)) for at in range(5)]
    assert (await written(tmp_path, log, (0, 3), (3, 5))).reads == 0
    assert offsets_in(tmp_path) == list(range(5))


async def test_a_restated_window_is_no_repeat(tmp_path: Path) -> None:
    said = [(0, False), (1, False), (1, True), (1, True), (0, False)]
    log = [
        record_of(at, bodies.aggregate(1, revision, final=final), f"w/{revision}")
        for at, (revision, final) in enumerate(said)
    ]
    await written(tmp_path, log, (0, 1), (1, 5), topic="telemetry.1min")
    assert offsets_in(tmp_path) == [0, 1, 2]


async def test_a_damaged_file_that_may_hold_a_row_stops_the_partition(tmp_path: Path) -> None:
    log = again(log_of(20), 10, 20)
    await written(tmp_path, log, (0, 20))
    path = tmp_path / files_below(tmp_path)[0]
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(1000) + whole[1004:])
    with pytest.raises(SinkUnavailableError, match="is damaged"):
        await written(tmp_path, log, (20, 30))


_ROWS = st.lists(st.tuples(st.integers(-1, 0), st.integers(0, 6), st.sampled_from("ab")), min_size=1, max_size=20)


def _table(rows: list[tuple[int, int, str]]) -> pa.Table:
    words = pa.array([name for *_, name in rows], pa.string()).dictionary_encode()
    columns: dict[str, Any] = {
        "raw_partition": pa.array([partition for partition, *_ in rows], pa.int32()),
        "raw_offset": pa.array([offset for _, offset, _ in rows], pa.int64()),
        **dict.fromkeys(("site_id", "asset_id", "parameter"), words),
        "offset": pa.array(range(len(rows)), pa.int64()),
    }
    return pa.table(columns)


@given(stored=_ROWS, rows=_ROWS)
def test_of_rows_that_say_the_same_the_first_is_kept(
    stored: list[tuple[int, int, str]], rows: list[tuple[int, int, str]]
) -> None:
    before, table = _table(stored), _table(rows)
    reach = Marks.of(marks_of(before, DataClass.READINGS), NO_MARK).reach
    doubtful = doubtful_marks(marks_of(table, DataClass.READINGS), reach)
    kept = without_repeats(table, [with_marks(before, DataClass.READINGS, doubtful)], DataClass.READINGS, doubtful)
    known = {row for row in stored if row[0] >= 0}
    expected = []
    for at, row in enumerate(rows):
        if row not in known:
            expected.append(at)
        if row[0] >= 0:
            known.add(row)
    assert kept["offset"].to_pylist() == expected


@given(marks=st.lists(st.integers(0, 30), max_size=5), doubtful=st.sets(st.integers(0, 30), min_size=1))
def test_a_file_is_asked_wherever_it_may_hold_a_doubtful_row(marks: list[int], doubtful: set[int]) -> None:
    found = Marks.of(np.array(marks, np.int64), 12)
    asked = found.may_hold(np.array(sorted(doubtful), np.int64))
    assert asked == any(found.low <= mark <= found.high for mark in doubtful if marks)
    assert found.reach == max([12, *marks])


def test_every_class_has_an_identity_within_its_columns() -> None:
    sink: S3ParquetSink = sink_of(config_of("/x"))
    for topic, data_class in zip(TOPICS, IDENTITIES, strict=True):
        table = cut_of(sink, log_of(3, topic), topic).parts[0].prepared.rows
        assert set(IDENTITIES[data_class].needed) <= set(table.column_names)
