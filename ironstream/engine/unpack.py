"""Fetched bytes to `Records`: aiokafka makes objects of every record, this makes columns of all."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import google_crc32c
import numpy as np
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from ironstream.engine.batch_format import (
    APPEND_TIME,
    COMPRESSION,
    CONTROL,
    CRC_FROM,
    DECOMPRESS,
    HEADER,
    LENGTH_FROM,
    MAGIC,
)
from ironstream.engine.records import Records
from ironstream.errors import EngineError
from ironstream.kernels.layout import PADDING, RECORD_COLUMNS
from ironstream.kernels.record_batches import split_records


@dataclass(frozen=True, slots=True)
class FetchedBatch:
    """One record batch: `count` records in `payload`; those before `first_offset` do not count.

    `append_time` (ms) is the timestamp of all of them, -1 where each has its own.
    """

    payload: memoryview | bytes
    count: int
    base_offset: int
    base_timestamp: int
    append_time: int
    first_offset: int


class KeptRecords(MemoryRecords):  # type: ignore[misc]  # aiokafka has no annotations
    """aiokafka's `MemoryRecords` that lets one see the bytes it was made of."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self.raw = raw


class FetchedBatches:
    """Takes the place of aiokafka's `PartitionRecords`: the same positions, but record batches instead of records.

    They are checked and decompressed here, in the consumer's thread, and split where they are used (`records_of`).
    """

    def __init__(self, slow: PartitionRecords) -> None:
        self._tp = slow._tp
        self._raw: bytes = slow._records.raw
        self._check_crcs = slow._check_crcs
        self.next_fetch_offset: int = slow.next_fetch_offset
        # A generator that has not begun holds its owner, and that the bytes: memory that only the garbage collector
        # would find, and it looks for cycles as seldom as there are objects.
        slow._records_iterator = None

    def __iter__(self) -> Iterator[FetchedBatch]:
        """Each batch; `next_fetch_offset` moves to the end."""
        found = []
        view = memoryview(self._raw)
        at = 0
        # The broker cuts its answer at its limit, within a batch.
        while at + HEADER.size <= len(view):
            base, length, _, magic, crc, attributes, last, first_time, max_time, *_, count = HEADER.unpack_from(
                view, at
            )
            end = at + LENGTH_FROM + length
            if end > len(view):
                break
            if magic != MAGIC:
                raise EngineError(
                    f"{self._tp}: a record batch of format {magic} at offset {base}",
                    "let the topic be written anew: formats before 2 (Kafka 0.11) are not read",
                )
            if self._check_crcs and google_crc32c.value(self._raw[at + CRC_FROM : end]) != crc:
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            if not attributes & CONTROL:
                payload = view[at + HEADER.size : end]
                compression = attributes & COMPRESSION
                found.append(
                    FetchedBatch(
                        DECOMPRESS[compression](bytes(payload)) if compression else payload,
                        count,
                        base,
                        first_time,
                        max_time if attributes & APPEND_TIME else -1,
                        self.next_fetch_offset,
                    )
                )
            # By the batch, not by its last record: compaction may have removed that one.
            self.next_fetch_offset = base + last + 1
            at = end
        return iter(found)


def records_of(batches: Sequence[FetchedBatch]) -> Records:
    """The records of fetched batches. Raises CorruptRecordException for a batch that does not hold what it says."""
    buffer = np.empty(sum(len(batch.payload) for batch in batches) + PADDING, np.uint8)
    places = np.empty((sum(batch.count for batch in batches), RECORD_COLUMNS), np.int64)
    at = filled = 0
    for batch in batches:
        end = at + len(batch.payload)
        buffer[at:end] = np.frombuffer(batch.payload, np.uint8)
        count = split_records(
            buffer, at, end, batch.count, batch.base_offset, batch.base_timestamp, batch.append_time,
            batch.first_offset, places[filled:],
        )  # fmt: skip
        if count < 0:
            raise CorruptRecordException(f"the batch at offset {batch.base_offset} is not {batch.count} records")
        filled += count
        at = end
    return Records(buffer, places[:filled])


class Fetched(OrderedDict[Any, Any]):
    """Takes the place of the fetcher's `_records`: what is put in is unpacked fast when it is read."""

    def __setitem__(self, tp: Any, result: Any) -> None:
        if type(result) is FetchResult and type(result._partition_records) is PartitionRecords:
            result._partition_records = FetchedBatches(result._partition_records)
        super().__setitem__(tp, result)


def unpack_fast(consumer: AIOKafkaConsumer) -> None:
    """Let `getmany` of a consumer give `FetchedBatch`es instead of records; read them with `records_of`.

    Call it once the consumer has started and before it has partitions: what was fetched earlier lacks its bytes.
    """
    # For every fetcher of the process, there is no other way in. Those of other consumers hold their bytes anyway.
    fetcher.MemoryRecords = KeptRecords
    consumer._fetcher._records = Fetched()
