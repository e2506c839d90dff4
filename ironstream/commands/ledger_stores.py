"""Looks for the clean readings of the ledger in stores: what is clean, what is stored, then each by its raw record."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from ironstream.codec import decode_readings
from ironstream.commands.query_store import opened_store
from ironstream.commands.sink_named import NamedSink
from ironstream.contract import SeriesId, Topic
from ironstream.dlq import SINK_HEADER
from ironstream.domain.times import to_us
from ironstream.engine.log_reader import LogReader
from ironstream.ledger.book import Book, Named
from ironstream.ledger.read import LedgerReader, Progress, to_start
from ironstream.ledger.records import named_of, refused_place
from ironstream.ledger.sets import SparseOffsets
from ironstream.ledger.stored import Held, Place, Wanted
from ironstream.query.errors import NothingStoredError
from ironstream.query.origins import Origins, Span
from ironstream.query.patterns import SeriesPattern
from ironstream.settings import Settings
from ironstream.sinks.group import group_of
from ironstream.sinks.groups import SinkGroups

_BATCH: Final = 2000
_DAY_US: Final = 86_400_000_000
_CLEAN: Final = Topic.TELEMETRY_CLEAN


class _Clean(NamedTuple):
    """A clean reading of the log."""

    place: Place
    part: str
    named: Named
    time_us: int
    kafka_us: int | None
    partition: int
    offset: int

    @property
    def series(self) -> SeriesId:
        tenant_id, site_id, asset_id = self.named.asset.split("/")
        return SeriesId(tenant_id, site_id, asset_id, self.named.parameter)


class _Asked:
    """A store, and what its sink has said in Kafka."""

    def __init__(self, sink: NamedSink) -> None:
        self.sink = sink
        self.written: dict[int, int] = {}
        """Per partition of telemetry.clean the offset that the sink goes on from."""
        self.refused: defaultdict[int, SparseOffsets] = defaultdict(SparseOffsets)
        """Offsets of dead letters by partition of telemetry.clean."""
        self.held: Held | None = None
        self.kept_from_us = 0


class StoresReader:
    """Puts into a book what of its clean readings is in the stores of some sinks."""

    def __init__(
        self,
        settings: Settings,
        sinks: Sequence[NamedSink],
        ledger: LedgerReader,
        asset: str | None,
        since_ms: int | None,
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._stores = [_Asked(sink) for sink in sinks]
        self._ledger = ledger
        self._asset = asset
        self._since_ms = since_ms
        self._progress = progress

    async def read(self, book: Book) -> None:
        """Ask the stores for what `ledger`, which has read the book, found clean.

        Raises ConfigurationError, StoreUnreachableError.
        """
        wanted = Wanted()
        async with LogReader(self._settings, [_CLEAN]) as reader:
            ends = await reader.consumer.end_offsets(reader.partitions)
            until = {tp.partition: offset for tp, offset in ends.items()}
            async for one in self._clean(reader, "clean readings", until):
                wanted.add(one.place, one.part, one.series, one.time_us, one.kafka_us)
            span = wanted.settle()
            # Before the stores and the dead letters: what a sink has committed is in one of them by now.
            await self._committed()
            await self._dead_letters()
            for store in self._stores:
                await self._ask(store, wanted, span)
            async for one in self._clean(reader, "clean readings again", until):
                if wanted.first_time(one.place, one.part, one.series):
                    for store in self._stores:
                        _judge(book, wanted, store, one)

    # -- Kafka ----------------------------------------------------------------------------------------------------

    async def _clean(self, reader: LogReader, what: str, until: dict[int, int]) -> AsyncIterator[_Clean]:
        await to_start(reader, self._since_ms)
        waiting: list[tuple[Any, tuple[int, int, str]]] = []
        key = None if self._asset is None else self._asset.encode()
        async for record in reader.until_end(lambda done, total: self._progress(what, done, total)):
            if key is not None and record.key != key:
                continue
            place = self._ledger.clean_place(record)
            if place is not None and record.offset < until[record.partition]:
                waiting.append((record, place))
            if len(waiting) == _BATCH:
                for one in _decoded(waiting):
                    yield one
                waiting = []
        for one in _decoded(waiting):
            yield one

    async def _committed(self) -> None:
        async with SinkGroups(self._settings, [_CLEAN]) as groups:
            for store in self._stores:
                group = group_of(self._settings.application_id, store.sink.part.id)
                standings = await groups.standings(group, [_CLEAN])
                store.written = {at.partition: at.committed or 0 for at in standings}

    async def _dead_letters(self) -> None:
        by_id = {store.sink.part.id: store for store in self._stores}
        async with LogReader(self._settings, [Topic.DLQ_SINKS], missing_ok=True) as reader:
            await to_start(reader, self._since_ms)
            async for record in reader.until_end(lambda done, total: self._progress("dead letters", done, total)):
                said = dict(record.headers).get(SINK_HEADER, b"").decode("utf-8", "replace")
                place = refused_place(record, _CLEAN)
                if place is not None and said in by_id:
                    by_id[said].refused[place[0]].add(place[1])

    # -- the stores -----------------------------------------------------------------------------------------------

    async def _ask(self, store: _Asked, wanted: Wanted, span: Span) -> None:
        store.held = held = wanted.held()
        pattern = SeriesPattern() if self._asset is None else SeriesPattern(*self._asset.split("/"))
        what = f"rows of {store.sink.part.id}"
        self._progress(what, 0, 0)

        def take(origins: Origins) -> None:
            held.take(origins)
            self._progress(what, held.rows, 0)

        # a sink that has not run yet has stored nothing, which its offsets say too
        with suppress(NothingStoredError):
            async with opened_store(self._settings, store.sink.part.id) as opened:
                if opened.readings_kept_days is not None:
                    store.kept_from_us = time.time_ns() // 1000 - opened.readings_kept_days * _DAY_US
                await opened.origins(span, pattern, take)


def _judge(book: Book, wanted: Wanted, store: _Asked, one: _Clean) -> None:
    assert store.held is not None
    stored = book.stored(one.named, store.sink.part.id)
    if rows := store.held.rows_of(one.place, one.part, one.series):
        stored.there(one.place, rows)
    elif one.offset in store.refused[one.partition]:
        stored.refused += 1
    elif one.offset >= store.written.get(one.partition, 0):
        stored.waiting += 1
    elif one.time_us < store.kept_from_us:
        stored.expired += 1
    else:
        stored.lost(one.place)


def _decoded(records: Sequence[tuple[Any, tuple[int, int, str]]]) -> list[_Clean]:
    decoded = decode_readings([record.value for record, _ in records])
    found = []
    for reading, source in zip(decoded.readings, decoded.source, strict=True):
        record, (partition, offset, part) = records[source]
        named = named_of(reading)
        # one without a name or a time is no clean reading of ours: no store takes it
        if named is not None and isinstance(named.time, int):
            kafka_us = None
            with suppress(ValueError, TypeError):
                kafka_us = to_us(reading.timestamps.kafka_time)  # type: ignore[arg-type]  # None raises TypeError
            place = partition, offset
            found.append(_Clean(place, part, named, named.time, kafka_us, record.partition, record.offset))
    return found
