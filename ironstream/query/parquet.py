"""Parquet files that a sink wrote, as a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, Self, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs

from ironstream.contract import SeriesId
from ironstream.query.errors import NothingStoredError, StoreUnreachableError
from ironstream.query.origins import Origins, Span, TakeOrigins
from ironstream.query.parquet_files import Day, ParquetFiles, time_scalar
from ironstream.query.patterns import NAMES, SeriesPattern
from ironstream.query.shapes import Shape, by_size, label_of, shape_of
from ironstream.query.store import LastValue
from ironstream.query.tables import shaped, unique
from ironstream.sinks.classes import DataClass
from ironstream.sinks.columns import SCHEMAS
from ironstream.sinks.columns.names import names_of
from ironstream.sinks.columns.newest import newest

T = TypeVar("T")
PIECE_ROWS: Final = 250_000
"""Rows that are in memory at once, about: a day with more is read in pieces of less time."""
_LAST: Final = (*NAMES, "time", "value", "unit", "quality", "quality_reasons", "raw_partition", "raw_offset")
_ORIGIN: Final = (*NAMES, "raw_partition", "raw_offset")
_BATCH_ROWS: Final = 64 * 1024
_ALWAYS: Final = (0, 253_402_300_799_999_999)


class ParquetStore:
    """Files by tenant, class and day. Reads in threads; files may be added and compacted meanwhile."""

    def __init__(self, files: ParquetFiles, where: str, labels: frozenset[str]) -> None:
        self._files = files
        self._labels = labels
        self.where = where

    @classmethod
    async def open(cls, system: fs.FileSystem, root: str, where: str) -> Self:
        """Look at what is there. Raises StoreUnreachableError; NothingStoredError where no sink has written a file."""
        files = ParquetFiles(system, root)
        with _explained(where):
            try:
                labels = await asyncio.to_thread(files.labels)
            except FileNotFoundError as error:
                raise NothingStoredError(f"{where} is not there.", "The sink makes it when it first runs.") from error
        if not labels:
            raise NothingStoredError(f"{where} has no files of ironstream.", "The sink writes them when it runs.")
        return cls(files, where, labels)

    @property
    def labels(self) -> frozenset[str]:
        """See Store."""
        return self._labels

    @property
    def readings_kept_days(self) -> int | None:
        """See Store: no file is ever deleted by ironstream."""
        return None

    async def series(self, pattern: SeriesPattern, first_us: int, end_us: int) -> list[SeriesId]:
        """See Store: the series that have rows in the range."""
        found: set[SeriesId] = set()
        # the coarsest has the fewest rows to look at, but not yet what is new
        for resolution in reversed(by_size(self._labels)):
            shape = shape_of(label_of(resolution))
            for day in await self._days(shape.label, pattern, first_us, end_us):
                found |= await self._run(partial(self._names, day, shape, pattern))
            if found:
                break
        return sorted(found)

    async def last(self, pattern: SeriesPattern, first_us: int) -> list[LastValue]:
        """See Store."""
        shape = shape_of(DataClass.READINGS.value)
        best: pa.Table | None = None
        for day in reversed(await self._days(shape.label, pattern, first_us, _ALWAYS[1])):
            for first, end in reversed(await self._run(partial(self._pieces, day, shape, pattern))):
                part = await self._run(partial(self._read, day, shape, pattern, first, end, _LAST))
                rows = part if best is None else pa.concat_tables([part, best]).unify_dictionaries()
                best = rows.take(newest(rows, NAMES, ("time", "raw_partition", "raw_offset")))
        return [] if best is None else _last_values(best)

    async def rows(
        self, shape: Shape, pattern: SeriesPattern, first_us: int, end_us: int
    ) -> AsyncGenerator[pa.Table, None]:
        """See Store."""
        for day in await self._days(shape.label, pattern, first_us, end_us):
            for first, end in await self._run(partial(self._pieces, day, shape, pattern)):
                table = await self._run(partial(self._piece, day, shape, pattern, first, end))
                if len(table):
                    yield table

    async def origins(self, span: Span, pattern: SeriesPattern, take: TakeOrigins) -> None:
        """See Store: a row of two files is told twice."""
        shape = shape_of(DataClass.READINGS.value)
        for first, end in span.times:
            for day in await self._days(shape.label, pattern, first, end):
                await self._run(partial(self._origins, day, shape, pattern, span, take))

    async def close(self) -> None:
        """See Store; there is nothing to let go of."""

    async def _days(self, label: str, pattern: SeriesPattern, first_us: int, end_us: int) -> list[Day]:
        if label not in self._labels:
            return []
        return await self._run(lambda: self._files.days(label, pattern, first_us, end_us))

    async def _run(self, work: Callable[[], T]) -> T:
        with _explained(self.where):
            return await asyncio.to_thread(work)

    def _pieces(self, day: Day, shape: Shape, pattern: SeriesPattern) -> list[tuple[int, int]]:
        """Ranges of time, in order, of which none has many more rows than fit in memory."""
        dataset = self._files.dataset(day, shape)

        def split(first: int, end: int) -> Iterator[tuple[int, int]]:
            count = dataset.count_rows(filter=_filter(shape, pattern, first, end))
            if count <= PIECE_ROWS or end - first <= 1:
                if count:
                    yield first, end
                return
            middle = first + (end - first) // 2
            yield from split(first, middle)
            yield from split(middle, end)

        return list(split(day.first_us, day.end_us))

    def _piece(self, day: Day, shape: Shape, pattern: SeriesPattern, first: int, end: int) -> pa.Table:
        return shaped(unique(self._read(day, shape, pattern, first, end), shape), shape)

    def _read(
        self, day: Day, shape: Shape, pattern: SeriesPattern, first: int, end: int, columns: Sequence[str] | None = None
    ) -> pa.Table:
        table = self._files.dataset(day, shape).to_table(
            filter=_filter(shape, pattern, first, end), columns=None if columns is None else list(columns)
        )
        return pattern.of_table(table)

    def _origins(self, day: Day, shape: Shape, pattern: SeriesPattern, span: Span, take: TakeOrigins) -> None:
        condition = _filter(shape, pattern, day.first_us, day.end_us) & _made_of(span)
        batches = self._files.dataset(day, shape).to_batches(
            columns=list(_ORIGIN), filter=condition, batch_size=_BATCH_ROWS, batch_readahead=2, fragment_readahead=2
        )
        for batch in batches:
            rows = pattern.of_table(pa.table(batch)).unify_dictionaries().combine_chunks()
            if len(rows):
                names, which, _ = names_of(rows)
                partitions, offsets = (np.asarray(rows[name], np.int64) for name in _ORIGIN[-2:])
                take(Origins(partitions, offsets, which, [SeriesId(*name) for name in names]))

    def _names(self, day: Day, shape: Shape, pattern: SeriesPattern) -> set[SeriesId]:
        dataset = self._files.dataset(day, shape)
        found: set[SeriesId] = set()
        condition = _filter(shape, pattern, day.first_us, day.end_us)
        for batch in dataset.to_batches(columns=list(NAMES), filter=condition):
            if len(batch):
                names = pattern.of_table(pa.table(batch)).unify_dictionaries().combine_chunks()
                found.update(SeriesId(*row.values()) for row in names.take(newest(names, NAMES, ())).to_pylist())
        return found


def _filter(shape: Shape, pattern: SeriesPattern, first_us: int, end_us: int) -> Any:
    time = pc.field(shape.time)
    condition = (time >= time_scalar(first_us)) & (time < time_scalar(end_us))
    names = SCHEMAS[shape.data_class].names
    for name, text in pattern.exact.items():
        if name in names:
            condition &= pc.field(name) == text
    return condition


def _made_of(span: Span) -> Any:
    """Whether a row is of one of the raw records of a span."""
    condition = pc.scalar(False)
    for number, (first, last) in span.offsets.items():
        offset = pc.field("raw_offset")
        condition |= (pc.field("raw_partition") == number) & (offset >= first) & (offset <= last)
    if span.kafka_from_us is not None:
        kafka_time = pc.field("kafka_time")
        condition &= kafka_time.is_null() | (kafka_time >= time_scalar(span.kafka_from_us))
    return condition


def _last_values(table: pa.Table) -> list[LastValue]:
    rows = table.set_column(table.column_names.index("time"), "time", pc.cast(table["time"], pa.int64())).to_pylist()
    found = [
        LastValue(
            SeriesId(*(row[name] for name in NAMES)),
            row["time"],
            row["value"],
            row["unit"],
            row["quality"],
            tuple(row["quality_reasons"] or ()),
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: one.series)


@contextmanager
def _explained(where: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        # the first line: Arrow adds where in its own source it happened
        said = (str(error).splitlines() or [type(error).__name__])[0][:300]
        hint = "Is the store there, and may this user read it?"
        if "ACCESS_DENIED" in said or "AccessDenied" in said or "INVALID_ACCESS_KEY" in said or "403" in said:
            hint = "Check access_key_id, secret_access_key and what they are allowed: listing and reading."
        elif "NO_SUCH_BUCKET" in said or "does not exist" in said:
            hint = "Is the bucket of `path` the right one, and in this region?"
        raise StoreUnreachableError(f"{where}: {said}", hint) from error
