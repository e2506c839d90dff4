"""Parquet files by tenant, class and day, in which each row is once however often it comes.

Why each row is once
--------------------
A cut is a range of offsets of one partition; its rows of one tenant and day go into one file. In a directory, the files
of one partition form a chain: a file's footer names the first and the last offset that it covers, and every row of that
directory between them is in it. Three rules follow:

1. Rows whose offset a file covers are left out: a crash between the upload and the commit of the offsets, a replay, or
   an owner of the partition that was faster has stored them.
2. A file is named after the first row that is *not* covered, and is made only where that name is free (S3: a put with
   `If-None-Match: *`; local: a hard link). Offsets are committed after a write, so all rows before a writer's position
   are stored, and what is stored in a directory ends at some row R. Every writer of the partition, wherever its cut
   begins and ends, gives its next file the name of the row after R. So of several writers one gets the name; the
   others are told, look at the chain again, leave out what the new file covers, and go on after it.
   What a writer remembers of a directory may therefore be old: the name that it tries is taken, and it looks again.
3. Rows on both sides of a covered range become two files, never one that would cover the range a second time.
4. A worker that dies before its commit writes records again, at new offsets. Of rows that say the same the first is
   kept (`repeats`); for rows that may be such, the files are asked (`lookup`). Whether a row repeats another depends
   on the rows before it alone, so writers still agree on the name of the next file, if each knows all files before
   its cut: so what is remembered of a partition is forgotten when a cut does not follow the one before.

A cut of several tenants or days is several files. A crash between them leaves some made: when the cut comes again,
perhaps cut in another way, rule 1 leaves out what is in them.

What this rests on: the store lists what was made (S3 does, since 2020), and the offsets of a topic are not given twice.
A topic that was made anew begins at 0 again: `log_id` tells its files from those of the old one. Rule 2 needs a chain
without a hole before the writer. Where a sink began in the middle of a log and the part before is replayed later, one
writer at a time fills the hole; were there two in it, from different offsets, their files could overlap, which a
compaction puts right. (Rule 4 asks files after the hole too.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import structlog

from ironstream.engine.api import Chunk
from ironstream.engine.crashpoints import crash_point
from ironstream.sinks.classes import DataClass
from ironstream.sinks.columns import decode_columns
from ironstream.sinks.progress import progress_told
from ironstream.sinks.s3_parquet.chain import Chain
from ironstream.sinks.s3_parquet.chains import Chains
from ironstream.sinks.s3_parquet.config import S3ParquetConfig
from ironstream.sinks.s3_parquet.files import Encoding, Source, encode, extent_of
from ironstream.sinks.s3_parquet.layout import TIME_COLUMN, data_class_of, directory_of, file_name, stem_of
from ironstream.sinks.s3_parquet.lookup import Lookup
from ironstream.sinks.s3_parquet.rows import Group, groups, placeable
from ironstream.sinks.s3_parquet.store import GoneError, Store
from ironstream.sinks.sink import Cut, Limits, Prepared, Refusal, SinkContext, SinkUnavailableError

_LOG = structlog.get_logger(__name__)
_TRIES: Final = 8


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where the rows of a cut come from. `complete_from`: all rows from there to the cut are stored."""

    topic: str
    source: Source
    stem: str
    data_class: DataClass
    complete_from: int


class S3ParquetSink:
    """Writes cuts of one partition as Parquet files. `left_out` counts rows that were stored already."""

    def __init__(self, config: S3ParquetConfig, context: SinkContext, store: Store) -> None:
        self._config = config
        self._context = context
        self._store = store
        self._encoding = Encoding.of(config)
        self._chains = Chains(store)
        self._sessions: dict[str, tuple[int, int]] = {}
        """By stem: from where to where cuts have followed each other without a hole, all of them written."""
        self._made = 0
        """Files, so that a try that makes some of a cut's is known from one that makes none."""
        self.left_out = 0

    @property
    def limits(self) -> Limits:
        """A file for each partition, as large as the configuration says."""
        config = self._config
        return Limits(
            rows=config.roll_rows,
            nbytes=config.roll_bytes,
            age_s=config.roll_age_s,
            by="partition",
            held_rows=config.held_rows,
            record_time_s=config.roll_record_time_s,
            keep_chunks=False,
            write_timeout_s=config.write_timeout_s,
        )

    def prepare(self, chunk: Chunk) -> Prepared[pa.Table]:
        """The chunk as columns. Refuses what cannot be read, and rows without a directory."""
        return placeable(decode_columns(chunk, self._context.schemas), TIME_COLUMN[data_class_of(chunk.topic)])

    async def connect(self) -> None:
        """Reach the store and see that it can be written to. What was known of its directories is forgotten."""
        await self._store.connect()
        self._chains.clear()

    async def write(self, cut: Cut[pa.Table]) -> Sequence[Refusal]:
        """Write a cut, directory by directory; see the module for why a repeat leaves each row once."""
        if not cut.parts:
            return ()
        origin = self._origin(cut)
        # the iterator is advanced in a thread: it copies what it yields
        remaining = groups(cut, TIME_COLUMN[origin.data_class])
        left_out = 0
        with progress_told(lambda: self._made):
            while (group := await asyncio.to_thread(next, remaining, None)) is not None:
                left_out += len(group.offsets) - await self._write_group(origin, group)
        if left_out:
            self.left_out += left_out
            _LOG.info(
                "rows stored already",
                sink=self._context.id, topic=cut.topic, partition=origin.source.partition, rows=left_out,
            )  # fmt: skip
        self._sessions[origin.stem] = origin.complete_from, cut.parts[-1].next_offset
        return ()

    async def close(self) -> None:
        """Let go of the store."""
        await self._store.close()

    def _origin(self, cut: Cut[pa.Table]) -> _Origin:
        source = Source(self._context.topic_prefix + cut.topic, cut.parts[0].partition)
        stem = stem_of(self._config.log_id, source.topic, source.partition)
        began, reached = self._sessions.get(stem, (0, -1))
        first = cut.parts[0].first_offset
        if not began <= first <= reached:
            # Somebody else may have written the rows between: what repeats theirs is told by their files alone.
            self._chains.forget_all(stem)
            began = first
        return _Origin(cut.topic, source, stem, data_class_of(cut.topic), began)

    async def _write_group(self, origin: _Origin, group: Group) -> int:
        """Store those rows of a group that are not yet; how many."""
        directory = directory_of(group.tenant, origin.topic, group.day)
        first, last = int(group.offsets[0]), int(group.offsets[-1])
        stored = 0
        for _ in range(_TRIES):
            try:
                chain = await self._chains.chain(directory, origin.stem, first, last)
                for run in list(chain.uncovered(group.offsets)):  # at once: the chain grows meanwhile
                    rows = group.rows.slice(run.start, run.stop - run.start)
                    made = await self._make_file(origin, directory, chain, rows)
                    if made is None:
                        break
                    stored += made
                else:
                    return stored
            except GoneError:
                pass
            self._chains.forget(directory, origin.stem)
        raise SinkUnavailableError(
            f"{directory}: other writers of {origin.stem} were faster {_TRIES} times",
            "is the sink running twice under two consumer groups? Give one of them another path",
        )

    async def _make_file(self, origin: _Origin, directory: str, chain: Chain, rows: pa.Table) -> int | None:
        """Store those of these rows, of which none is covered, that repeat no other; how many. None: another did."""
        at = rows["offset"][0].as_py()
        new = await Lookup(self._store, directory, origin.stem, origin.data_class).new(rows, chain)
        if not len(new):
            return 0
        # not before the file that it follows: should that go away, the two beside it are no neighbours
        complete_from = max(origin.complete_from, chain.reached_before(at) + 1)
        extent = extent_of(new, origin.data_class, complete_from, chain.highest_mark_before(at))
        time_column = TIME_COLUMN[origin.data_class]
        body = await asyncio.to_thread(encode, new, time_column, origin.source, extent, self._encoding)
        if not await self._store.create(f"{directory}/{file_name(origin.stem, extent.first)}", body):
            return None
        crash_point("in_write")
        chain.add(extent)
        self._made += 1
        return len(new)
