"""Makes few large files of many small ones, beside running sinks.

Per directory and partition, neighbouring files are merged into one that has the name of the first and takes its place
in one put; then the others are deleted, the earliest first. Why no row is lost or doubled, killed wherever:

- Before the put, nothing has changed. After it the others are leftovers: their range is inside of an earlier file's,
  so the next run deletes them without looking at their rows. Until then a query may see their rows twice.
- A writer asks the file that begins last before its rows, and those that begin among them. Deleted from the earliest,
  what is left between the merged file and any row is either one of the old files, which covers what it always did, or
  nothing, and then it is the merged file that is asked. So the rule of the sink holds at every step.
- What lies between two files and is not known to be empty keeps them apart (`Extent.complete_from`): the merged range
  would cover rows that a replay may still bring.
- One compaction at a time: a lease. Of two, one could delete what the other has just merged something into.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import structlog

from ironstream.sinks.columns import SCHEMAS
from ironstream.sinks.s3_parquet.chains import read_extents
from ironstream.sinks.s3_parquet.compaction_plan import StoredFile, plan
from ironstream.sinks.s3_parquet.config import S3ParquetConfig
from ironstream.sinks.s3_parquet.files import DamagedFileError, Encoding, Source, decode, encode, extent_of, joined
from ironstream.sinks.s3_parquet.layout import (
    TIME_COLUMN,
    Directory,
    class_of_label,
    file_name,
    parse_directory,
    parse_file,
)
from ironstream.sinks.s3_parquet.store import Entry, GoneError, Lease, Store
from ironstream.sinks.s3_parquet.stores import store_of
from ironstream.sinks.sink import CompactOptions, CompactSummary, SinkContext, SinkUnavailableError

_LOG = structlog.get_logger(__name__)
LEASE: Final = "compaction"


async def compact(config: S3ParquetConfig, context: SinkContext, options: CompactOptions) -> CompactSummary:
    """Compact what the sink has written. Raises SinkUnavailableError: start it again, it goes on where it was."""
    store = store_of(config)
    try:
        await store.connect()
        return await compact_store(store, config, options, datetime.now(UTC), context.id)
    finally:
        await store.close()


async def compact_store(
    store: Store, config: S3ParquetConfig, options: CompactOptions, now: datetime, sink_id: str = ""
) -> CompactSummary:
    """Compact the days of a store that are settled at `now`."""
    work = _Compaction(store, config, options.dry_run, sink_id)
    found = await _candidates(store, now - timedelta(seconds=config.compaction.settle_s), options.every)
    async with AsyncExitStack() as held:
        lease = None if options.dry_run else await held.enter_async_context(store.lease(LEASE))
        for done, (directory, stems) in enumerate(found):
            options.progress(done, len(found))
            for stem, files in stems.items():
                await work.chain(directory, stem, files, lease)
            work.directories += 1
        options.progress(len(found), len(found))
    return CompactSummary(
        directories=work.directories,
        merged=work.merged,
        made=work.made,
        leftovers=work.leftovers,
        bytes_before=work.bytes_before,
        bytes_after=work.bytes_after,
    )


_Stems = Mapping[str, Mapping[int, int]]
"""Sizes of files by stem and first offset."""


async def _candidates(store: Store, before: datetime, every: bool) -> Sequence[tuple[Directory, _Stems]]:
    """Directories of settled days with at least two files of a stem."""
    found = []
    async for path, entries in store.walk():
        directory = parse_directory(path)
        if directory is None or not (every or directory.end <= before):
            continue
        found.append((directory, _by_stem(entries)))
    return found


def _by_stem(entries: Sequence[Entry]) -> _Stems:
    stems: dict[str, dict[int, int]] = {}
    for entry in entries:
        if (parsed := parse_file(entry.name)) is not None:
            stems.setdefault(parsed[0], {})[parsed[1]] = entry.nbytes
    return {stem: files for stem, files in stems.items() if len(files) > 1}


@dataclass(slots=True)
class _Compaction:
    store: Store
    config: S3ParquetConfig
    dry_run: bool
    sink_id: str
    directories: int = 0
    merged: int = 0
    made: int = 0
    leftovers: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    encoding: Encoding = field(init=False)

    def __post_init__(self) -> None:
        self.encoding = Encoding.of(self.config)

    async def chain(self, directory: Directory, stem: str, sizes: Mapping[int, int], lease: Lease | None) -> None:
        """Compact the files of one stem in one directory."""
        try:
            extents = await read_extents(self.store, directory.path, stem, sorted(sizes))
        except GoneError:
            # somebody cleans up there; the next run sees what is left
            _LOG.warning("files went away while they were looked at", sink=self.sink_id, directory=directory.path)
            return
        files = [StoredFile(sizes[first], extent) for first, extent in extents.items()]
        to_do = plan(files, self.config.compaction.target_bytes, self.config.compaction.target_rows)
        await self._delete(directory, stem, to_do.leftovers, lease)
        self.leftovers += len(to_do.leftovers)
        for group in to_do.merges:
            if lease is not None:
                self.bytes_after += await self._merge(directory, stem, group, lease)
                await self._delete(directory, stem, group[1:], lease)
            self.merged += len(group)
            self.made += 1
            self.bytes_before += sum(file.nbytes for file in group)

    async def _merge(self, directory: Directory, stem: str, group: Sequence[StoredFile], lease: Lease) -> int:
        """Put the file that has the rows of all in the place of the first; its size."""
        first = f"{directory.path}/{file_name(stem, group[0].extent.first)}"
        bodies = [await self.store.read(f"{directory.path}/{file_name(stem, file.extent.first)}") for file in group]
        body = await asyncio.to_thread(_merged, directory, first, bodies, group, self.encoding)
        await lease.renew()
        await self.store.replace(first, body)
        return len(body)

    async def _delete(self, directory: Directory, stem: str, files: Sequence[StoredFile], lease: Lease | None) -> None:
        """One after the other, the earliest first."""
        if lease is None:
            return
        for file in files:
            await lease.renew()
            await self.store.delete(f"{directory.path}/{file_name(stem, file.extent.first)}")


def _merged(
    directory: Directory, path: str, bodies: list[bytes], group: Sequence[StoredFile], encoding: Encoding
) -> bytes:
    """The file with the rows of all. `bodies` is emptied: they need not be held beside what is made of them."""
    data_class = class_of_label(directory.label)
    tables = []
    try:
        while bodies:
            tables.append(decode(bodies.pop(0)))
    except DamagedFileError as err:
        raise SinkUnavailableError(
            f"a file beside {path} is damaged: {err}", "move it away, and replay its offsets"
        ) from err
    facts = tables[0].schema.metadata
    source = Source(facts[b"ironstream.topic"].decode(), int(facts[b"ironstream.partition"]))
    rows = joined(tables, SCHEMAS[data_class])
    if all(after.extent.first > before.extent.last for before, after in pairwise(group)):
        # a last look before anything is put in the place of anything
        expected = sum(file.extent.rows for file in group)
        if len(rows) != expected:
            raise SinkUnavailableError(
                f"{path} and its neighbours have {len(rows)} rows, their footers say {expected}",
                "nothing was changed; move the damaged file away, and replay its offsets",
            )
    reach = max(file.extent.marks.reach for file in group)
    extent = extent_of(rows, data_class, group[0].extent.complete_from, reach)
    return encode(rows, TIME_COLUMN[data_class], source, extent, encoding)
