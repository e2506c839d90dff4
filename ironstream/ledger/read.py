"""Reads the ledger's topics: what came of every raw record first, then the raw records."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec
from aiokafka.admin import AIOKafkaAdminClient

from ironstream.contract import Topic
from ironstream.engine.log_reader import LogReader
from ironstream.ledger.book import Book, Named
from ironstream.ledger.records import clean_place, readings_in, refused_place, with_readings
from ironstream.ledger.sets import Numbers, Offsets
from ironstream.overflow import BufferOverflow
from ironstream.settings import Settings

Progress = Callable[[str, int, int], None]
"""what is read, records behind, records in all"""
_BATCH: Final = 2000


class Fates:
    """What came of the raw records of one partition from `first` to `end`."""

    def __init__(self, first: int, end: int) -> None:
        self.first = first
        self.clean = Offsets(first, end)
        self._parts = Numbers()
        self._dead = Offsets(first, end)
        self._reasons = Numbers()

    def add_clean(self, offset: int, part: str) -> None:
        """A clean reading; `part` names it among several of one record."""
        if part:
            self._parts.add(_of_part(offset, part))
        else:
            self.clean.add(offset)

    def is_clean(self, offset: int, part: str) -> bool:
        """Whether there is one."""
        return _of_part(offset, part) in self._parts if part else offset in self.clean

    def add_refused(self, offset: int, reason: int) -> None:
        """A dead letter; reasons are numbered, at most 255."""
        self._dead.add(offset)
        self._reasons.add(offset << 8 | reason)

    def refused(self, offset: int, reasons: Sequence[str]) -> str | None:
        """The reason of a dead letter, None where there is none."""
        if offset not in self._dead:
            return None
        return next(name for at, name in enumerate(reasons) if offset << 8 | min(at, 255) in self._reasons)


def _of_part(offset: int, part: str) -> int:
    return hash((offset, part))


class LedgerReader:
    """Makes the book of a deployment, for all assets or `asset` (`tenant/site/asset`), since `since_ms` if given.

    What is missing may have come before `since_ms`; of more than `most_before` records before it the newest are looked
    at, and `undecided` says so.
    """

    def __init__(
        self,
        settings: Settings,
        asset: str | None,
        since_ms: int | None,
        progress: Progress,
        most_before: int | None = None,
    ) -> None:
        self.undecided = False
        self._most_before = most_before
        self._settings = settings
        self._asset = asset
        self._since_ms = since_ms
        self._progress = progress
        self._fates: dict[int, Fates] = {}
        self._reasons: list[str] = []
        self._processed: dict[int, int] = {}
        self._first: dict[int, int] = {}

    async def read(self) -> Book:
        """Read everything up to now. What is written meanwhile is left for the next time."""
        async with LogReader(self._settings, [Topic.TELEMETRY_RAW]) as raw:
            first, start, end = await self._bounds(raw)
            # before the outputs: whatever was processed by now has its outputs in their topics by now
            self._processed = await self._committed()
            self._fates = {number: Fates(start[number], end[number]) for number in end}
            self._first = first
            begun_later = any(start.values())
            book = Book(partial=begun_later)
            await self._read_outputs(book, first)
            async for record, readings, fault in self._decoded(raw, "raw readings", start, end):
                self._take(book, record, readings, fault)
            await self._read_overflow(book)
            before = Book()
            if self._since_ms is not None and book.is_open:
                await self._read_before(before, raw, first, start)
        book.settle(before)
        return book

    def clean_place(self, record: Any) -> tuple[int, int, str] | None:
        """Partition and offset of the raw record, and the part, of a clean reading that is in the book or expired.

        None for another record of telemetry.clean. Asked after `read`.
        """
        place = clean_place(record)
        if place is None or place[0] not in self._fates:
            return None
        partition, offset, part = place
        known = self._fates[partition].is_clean(offset, part) or offset < self._first[partition]
        return place if known else None

    # -- what came of the records ---------------------------------------------------------------------------------

    async def _read_outputs(self, book: Book, first: dict[int, int]) -> None:
        async with LogReader(self._settings, [Topic.TELEMETRY_CLEAN, Topic.DLQ_TELEMETRY]) as reader:
            await to_start(reader, self._since_ms)
            expired: list[Any] = []
            async for record in self._until_end(reader, "outputs"):
                dead = reader.topic_of(record) == Topic.DLQ_TELEMETRY
                place = refused_place(record, Topic.TELEMETRY_RAW) if dead else clean_place(record)
                if place is None or place[0] not in self._fates:
                    continue
                partition, offset, rest = place
                if offset >= self._fates[partition].first:
                    self._add(partition, offset, rest, dead=dead)
                elif offset < first[partition]:
                    expired.append(record)
                    if len(expired) == _BATCH:
                        self._add_expired(book, expired)
            self._add_expired(book, expired)

    def _add(self, partition: int, offset: int, rest: str, *, dead: bool) -> None:
        fates = self._fates[partition]
        if not dead:
            fates.add_clean(offset, rest)
            return
        if rest not in self._reasons:
            self._reasons.append(rest)
        fates.add_refused(offset, min(self._reasons.index(rest), 255))

    def _add_expired(self, book: Book, records: list[Any]) -> None:
        for readings, fault in readings_in([record.value for record in records]):
            for named, _ in readings:
                if named is not None and self._wanted(named.asset):
                    book.expired(named)
            book.unnamed.expired += fault and self._asset is None
        records.clear()

    # -- the raw records ------------------------------------------------------------------------------------------

    def _take(self, book: Book, record: Any, readings: list[tuple[Named | None, str]], fault: bool) -> None:
        fates, place = self._fates[record.partition], (record.partition, record.offset)
        refused = fates.refused(record.offset, self._reasons)
        pending = record.offset >= self._processed.get(record.partition, 0)
        for named, part in readings:
            if named is not None and self._wanted(named.asset):
                clean = fates.is_clean(record.offset, part)
                book.take(named, place, clean=clean, refused=refused, pending=pending, several=bool(part))
        nameless = fault or any(named is None for named, _ in readings)
        if nameless and (self._asset is None or record.key == self._asset.encode()):
            book.take_unnamed(place, refused=refused, pending=pending)

    async def _read_before(self, before: Book, raw: LogReader, first: dict[int, int], start: dict[int, int]) -> None:
        """What stood before `--since`: late readings and repeats may belong to it."""
        total = sum(start[number] - first[number] for number in start)
        if self._most_before is not None and total > self._most_before:
            self.undecided = True
            first = {at: end - (end - first[at]) * self._most_before // total for at, end in start.items()}
        async for _, readings, _ in self._decoded(raw, "earlier readings", first, start):
            for named, _ in readings:
                if named is not None and self._wanted(named.asset):
                    before.account(named).know(named)

    def _wanted(self, asset: str) -> bool:
        return self._asset is None or asset == self._asset

    async def _read_overflow(self, book: Book) -> None:
        """What gateways say that they dropped; after the raw records, which go before it through the same buffer."""
        async with LogReader(self._settings, [Topic.DLQ_OVERFLOW], missing_ok=True) as reader:
            await to_start(reader, self._since_ms)
            async for record in self._until_end(reader, "buffer overflows"):
                if self._asset is None or record.key == self._asset.encode():
                    with suppress(msgspec.DecodeError):  # somebody else's record: what it would explain stays missing
                        book.take_overflow(msgspec.json.decode(record.value or b"", type=BufferOverflow))

    # -- Kafka ----------------------------------------------------------------------------------------------------

    async def _bounds(self, raw: LogReader) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
        """Per partition of telemetry.raw: the oldest offset there is, where to start, and the end."""
        consumer, tps = raw.consumer, raw.partitions
        first = {tp.partition: offset for tp, offset in (await consumer.beginning_offsets(tps)).items()}
        end = {tp.partition: offset for tp, offset in (await consumer.end_offsets(tps)).items()}
        start = dict(first)
        if self._since_ms is not None:
            found = await consumer.offsets_for_times(dict.fromkeys(tps, self._since_ms))
            start = {tp.partition: end[tp.partition] if at is None else at.offset for tp, at in found.items()}
        return first, start, end

    async def _committed(self) -> dict[int, int]:
        admin = AIOKafkaAdminClient(**self._settings.kafka_client_kwargs())
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(self._settings.application_id)
        finally:
            await admin.close()
        topic = self._settings.topic(Topic.TELEMETRY_RAW)
        return {tp.partition: said.offset for tp, said in offsets.items() if tp.topic == topic}

    async def _until_end(self, reader: LogReader, what: str) -> AsyncIterator[Any]:
        async for record in reader.until_end(lambda done, total: self._progress(what, done, total)):
            yield record

    async def _decoded(
        self, reader: LogReader, what: str, start: dict[int, int], end: dict[int, int]
    ) -> AsyncIterator[tuple[Any, list[tuple[Named | None, str]], bool]]:
        """Records from `start` to before `end` with their readings, and whether one of these could not be read."""
        for tp in reader.partitions:
            reader.consumer.seek(tp, start[tp.partition])
        waiting: list[Any] = []
        async for record in self._until_end(reader, what):
            if record.offset < end[record.partition]:
                waiting.append(record)
            if len(waiting) == _BATCH:
                for one in with_readings(waiting):
                    yield one
                waiting = []
        for one in with_readings(waiting):
            yield one


async def to_start(reader: LogReader, since_ms: int | None) -> None:
    """Go on from the first output of a raw record since then.

    Outputs carry the append time of their raw record: none of a record since then stands before it.
    """
    await reader.to_beginning()
    if since_ms is None or not reader.partitions:
        return
    ends = await reader.consumer.end_offsets(reader.partitions)
    found = await reader.consumer.offsets_for_times(dict.fromkeys(reader.partitions, since_ms))
    for tp, at in found.items():
        reader.consumer.seek(tp, ends[tp] if at is None else at.offset)
