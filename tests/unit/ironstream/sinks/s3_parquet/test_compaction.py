from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironstream.sinks.s3_parquet import files as parquet_files
from ironstream.sinks.s3_parquet.chain import Extent
from ironstream.sinks.s3_parquet.compaction import compact, compact_store
from ironstream.sinks.s3_parquet.compaction_plan import StoredFile, plan
from ironstream.sinks.s3_parquet.local import LocalStore
from ironstream.sinks.s3_parquet.store import Entry
from ironstream.sinks.sink import CompactOptions, CompactSummary, SinkContext, SinkUnavailableError
from tests.support.parquet import (
    TOPICS,
    body,
    config_of,
    cut_of,
    files_below,
    log_of,
    offsets_in,
    query,
    record,
    sink_of,
)
from tests.unit.ironstream.sinks.s3_parquet.conftest import Bucket

NOW = datetime(2025, 11, 23, tzinfo=UTC)
LOG = log_of(60)


async def written(root: Path, cuts: Sequence[tuple[int, int]], topic: str = "telemetry.clean", **more: Any) -> None:
    """What one process writes in these cuts."""
    sink = sink_of(config_of(root, **more))
    await sink.connect()
    log = log_of(max(end for _, end in cuts), topic)
    for start, end in cuts:
        await sink.write(cut_of(sink, log[start:end], topic))


async def compacted(root: Path, store: LocalStore | None = None, now: datetime = NOW, **more: Any) -> CompactSummary:
    options = CompactOptions(**{name: more.pop(name) for name in ("every", "dry_run", "progress") if name in more})
    return await compact_store(store or LocalStore(root), config_of(root, **more), options, now)


@pytest.mark.parametrize("topic", TOPICS)
async def test_small_files_become_one_that_has_the_name_of_the_first(tmp_path: Path, topic: str) -> None:
    await written(tmp_path, [(0, 10), (10, 25), (25, 60)], topic)
    before = files_below(tmp_path)
    steps: list[tuple[int, int]] = []
    found = await compacted(tmp_path, progress=lambda done, total: steps.append((done, total)))
    assert (found.directories, found.merged, found.made, found.leftovers) == (1, 3, 1, 0)
    assert found.bytes_before > found.bytes_after > 0
    assert steps == [(0, 1), (1, 1)]
    assert files_below(tmp_path) == before[:1]
    assert offsets_in(tmp_path) == list(range(60))
    facts = pq.read_metadata(tmp_path / before[0]).metadata
    assert (facts[b"ironstream.first_offset"], facts[b"ironstream.last_offset"]) == (b"0", b"59")
    assert facts[b"ironstream.topic"] == topic.encode()
    again = await compacted(tmp_path)
    assert (again.merged, again.made) == (0, 0)


async def test_a_dry_run_counts_and_changes_nothing(tmp_path: Path) -> None:
    await written(tmp_path, [(0, 10), (10, 25)])
    before = files_below(tmp_path)
    found = await compacted(tmp_path, dry_run=True)
    assert (found.merged, found.made, found.bytes_after) == (2, 1, 0)
    assert files_below(tmp_path) == before


async def test_a_day_that_is_not_settled_is_left_unless_all_is_asked_for(tmp_path: Path) -> None:
    await written(tmp_path, [(0, 10), (10, 25)])
    soon = datetime(2025, 11, 22, 0, 59, tzinfo=UTC)
    assert (await compacted(tmp_path, now=soon)).directories == 0
    assert (await compacted(tmp_path, now=soon, dry_run=True, every=True)).merged == 2
    later = datetime(2025, 11, 22, 1, 0, tzinfo=UTC)
    assert (await compacted(tmp_path, now=later)).merged == 2


async def test_rows_that_nobody_stored_are_not_covered_by_a_merge_and_can_be_replayed(tmp_path: Path) -> None:
    await written(tmp_path, [(0, 10), (10, 20), (40, 50), (50, 60)])
    assert (await compacted(tmp_path)).made == 2
    assert [int(path[-28:-8]) for path in files_below(tmp_path)] == [0, 40]
    await written(tmp_path, [(0, 60)])
    assert offsets_in(tmp_path) == list(range(60))


async def test_what_was_moved_away_is_not_covered_by_a_merge_of_its_neighbours(tmp_path: Path) -> None:
    await written(tmp_path, [(0, 10), (10, 20), (20, 30), (30, 40)])
    os.remove(tmp_path / files_below(tmp_path)[1])
    assert (await compacted(tmp_path)).made == 1
    await written(tmp_path, [(0, 40)])
    assert offsets_in(tmp_path) == list(range(40))


async def test_files_stay_below_the_target(tmp_path: Path) -> None:
    await written(tmp_path, [(at, at + 10) for at in range(0, 60, 10)])
    found = await compacted(tmp_path, compaction={"target_rows": 30})
    assert (found.merged, found.made) == (6, 2)
    assert offsets_in(tmp_path) == list(range(60))


def file(first: int, last: int, complete_from: int | None = None, nbytes: int = 10) -> StoredFile:
    return StoredFile(nbytes, Extent(first, last, first if complete_from is None else complete_from, last - first + 1))


def firsts(groups: Sequence[Sequence[StoredFile]]) -> list[list[int]]:
    return [[one.extent.first for one in group] for group in groups]


def test_what_has_half_of_the_target_is_left_as_it_is() -> None:
    files = [file(0, 9), file(10, 19, nbytes=60), file(20, 29), file(30, 39)]
    assert firsts(plan(files, 100, 1000).merges) == [[20, 30]]


def test_sparse_files_of_one_session_are_merged_over_what_it_knows_to_be_empty() -> None:
    assert firsts(plan([file(5, 9, 0), file(50, 59, 0), file(90, 91, 80)], 100, 1000).merges) == [[5, 50]]


def test_files_that_overlap_are_merged_whatever_their_size() -> None:
    assert firsts(plan([file(0, 9, nbytes=99), file(5, 19, nbytes=99)], 100, 1000).merges) == [[0, 5]]


async def test_overlapping_files_become_one_with_each_row_once(tmp_path: Path) -> None:
    await written(tmp_path, [(5, 30)])
    (path,) = files_below(tmp_path)
    os.rename(tmp_path / path, tmp_path / "kept")
    await written(tmp_path, [(0, 20)])
    os.rename(tmp_path / "kept", tmp_path / path)
    assert len(offsets_in(tmp_path)) == 45
    assert (await compacted(tmp_path)).made == 1
    assert offsets_in(tmp_path) == list(range(30))


class KilledError(Exception):
    pass


class Mortal(LocalStore):
    """Dies before or after a change that it is told."""

    def __init__(self, root: Path, at: int, after: bool) -> None:
        super().__init__(root)
        self.left, self.after = at, after

    async def _step(self, work: Any) -> Any:
        self.left -= 1
        if self.left == 0 and not self.after:
            work.close()
            raise KilledError
        result = await work
        if self.left == 0:
            raise KilledError
        return result

    async def replace(self, path: str, body: bytes) -> None:
        await self._step(super().replace(path, body))

    async def delete(self, path: str) -> None:
        await self._step(super().delete(path))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(1, 6))
async def test_killed_at_any_step_no_row_is_lost_and_the_next_run_leaves_each_once(
    tmp_path: Path, step: int, after: bool
) -> None:
    """A merge of three files and one of two: five changes. The run after it is killed as well, at its first change."""
    more: dict[str, Any] = {"compaction": {"target_rows": 30}}
    await written(tmp_path, [(0, 10), (10, 20), (20, 30), (30, 44), (44, 58)])
    for at in (step, 1):
        # the second has nothing left to do when the first was killed after its last change
        with pytest.raises(KilledError) if at == step or step < 5 or not after else nullcontext():
            await compacted(tmp_path, Mortal(tmp_path, at, after), **more)
        assert set(offsets_in(tmp_path)) == set(range(58))
        # a writer that comes now, wherever it begins, stores nothing a second time
        names = files_below(tmp_path)
        for start in range(0, 58, 7):
            await written(tmp_path, [(start, start + 1), (start, 58)])
        assert files_below(tmp_path) == names
    await compacted(tmp_path, **more)
    assert offsets_in(tmp_path) == list(range(58))
    assert len(files_below(tmp_path)) == 2


class Racing(LocalStore):
    """A compaction comes between a writer's listing and its look at the files."""

    raced = False

    async def entries(self, directory: str, prefix: str) -> Sequence[Entry]:
        found = await super().entries(directory, prefix)
        if not self.raced:
            self.raced = True
            await compacted(self._root)
        return found


async def test_a_writer_whose_files_are_compacted_away_while_it_looks_looks_again(tmp_path: Path) -> None:
    await written(tmp_path, [(0, 10), (10, 20), (20, 30)])
    sink = sink_of(config_of(tmp_path), Racing(tmp_path))
    await sink.write(cut_of(sink, LOG[5:60]))
    assert sink.left_out == 25
    assert offsets_in(tmp_path) == list(range(60))


_CUTS = st.lists(st.tuples(st.integers(0, 55), st.integers(1, 20)), min_size=1, max_size=5)
_KILLS = st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=3)


@settings(max_examples=12)
@given(cuts=_CUTS, kills=_KILLS, later=_CUTS)
def test_replays_and_compactions_that_are_killed_in_any_order_leave_each_row_once(
    cuts: list[tuple[int, int]], kills: list[tuple[int, bool]], later: list[tuple[int, int]]
) -> None:
    async def run(root: Path) -> None:
        for some in (cuts, later):
            await written(root, [(start, min(60, start + size)) for start, size in some])
            stored = set(offsets_in(root))
            for at, after in kills:
                with suppress(KilledError):
                    await compacted(root, Mortal(root, at, after))
                assert set(offsets_in(root)) == stored
        await written(root, [(0, 33), (33, 60)])
        await compacted(root)
        assert offsets_in(root) == list(range(60))

    with tempfile.TemporaryDirectory() as root:
        asyncio.run(run(Path(root)))


async def test_a_damaged_file_is_named_and_nothing_is_merged_with_it(tmp_path: Path) -> None:
    await written(tmp_path, [(0, 30), (30, 60)])
    paths = files_below(tmp_path)
    damaged = bytearray((tmp_path / paths[1]).read_bytes())
    damaged[200:260] = bytes(60)
    (tmp_path / paths[1]).write_bytes(damaged)
    with pytest.raises(SinkUnavailableError, match="damaged"):
        await compacted(tmp_path)
    assert files_below(tmp_path) == paths


async def test_a_bucket_is_compacted_as_a_directory_is(bucket: Bucket) -> None:
    config = bucket.config()
    sink = sink_of(config)
    await sink.connect()
    for start in range(0, 60, 10):
        await sink.write(cut_of(sink, LOG[start : start + 10]))
    await sink.close()
    found = await compact(config, SinkContext("lake"), CompactOptions(every=True))
    assert (found.merged, found.made) == (6, 1)
    assert len(bucket.files()) == 1
    bodies = bucket.client.get_object(Bucket=bucket.name, Key=bucket.files()[0])["Body"].read()
    assert sorted(pq.read_table(pa.BufferReader(bodies))["offset"].to_pylist()) == list(range(60))


async def test_files_of_an_older_schema_are_read_and_merged_with_those_of_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = parquet_files.encode

    def older(table: pa.Table, *more: Any) -> bytes:
        return real(table.drop_columns(["extra", "clock_skew_ms", "site_name"]), *more)

    def newer(table: pa.Table, *more: Any) -> bytes:
        return real(table.append_column("colour", pa.array(["red"] * len(table))), *more)

    # one session, so that the files are neighbours: an older release's, this one's, and a later one's
    sink = sink_of(config_of(tmp_path))
    bodies = [body("telemetry.clean", at) | {"site_name": "North"} for at in range(30)]
    for start, encode in ((0, older), (10, real), (20, newer)):
        monkeypatch.setattr("ironstream.sinks.s3_parquet.sink.encode", encode)
        await sink.write(cut_of(sink, [record(at, bodies[at]) for at in range(start, start + 10)]))

    async def as_one(count: int) -> None:
        """Both readers see all rows, null where a file has no such column."""
        paths = [str(tmp_path / path) for path in files_below(tmp_path)]
        assert len(paths) == count
        asked = 'count(*), count(DISTINCT "offset"), count(site_name), count(colour), count(value)'
        assert query(tmp_path, asked) == [(30, 30, 20, 10, 30)]
        schema = pa.unify_schemas([pq.read_schema(path).remove_metadata() for path in paths])
        table = ds.dataset(paths, schema=schema).to_table()
        assert (len(table), table["site_name"].null_count, table["colour"].null_count) == (30, 10, 20)

    await as_one(3)
    assert (await compacted(tmp_path)).made == 1
    await as_one(1)
