"""Fetched bytes to records without a Python object per record beyond the one that the C parser makes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException


class FastRecords:
    """Takes the place of aiokafka's `PartitionRecords`: the same positions, but record batches instead of records.

    aiokafka wraps each record in a `ConsumerRecord`, at the price of decoding it once more; the parser's own records
    have all that a chunk needs (`engine.api.Record`). They are parsed where they are used (`records_of`), not in the
    consumer's thread: so they are in the cache of the right core.
    """

    def __init__(self, slow: PartitionRecords) -> None:
        self._tp = slow._tp
        self._records = slow._records
        self._check_crcs = slow._check_crcs
        self.next_fetch_offset: int = slow.next_fetch_offset

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Each batch, with the offset from which its records count; `next_fetch_offset` moves to the end."""
        found = []
        while self._records.has_next():
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            if not batch.is_control_batch:
                found.append((self.next_fetch_offset, batch))
            # By the batch, not by its last record: compaction may have removed that one.
            self.next_fetch_offset = batch.next_offset
        return iter(found)


def records_of(batches: Iterable[tuple[int, Any]]) -> list[Any]:
    """The records of fetched batches."""
    found: list[Any] = []
    for start, batch in batches:
        records = list(batch)
        if records and records[0].offset < start:
            # The broker sends whole batches, also those that begin before the position.
            records = [record for record in records if record.offset >= start]
        found += records
    return found


class Fetched(OrderedDict[Any, Any]):
    """Takes the place of the fetcher's `_records`: what is put in is unpacked fast when it is read."""

    def __setitem__(self, tp: Any, result: Any) -> None:
        if type(result) is FetchResult and type(result._partition_records) is PartitionRecords:
            result._partition_records = FastRecords(result._partition_records)
        super().__setitem__(tp, result)
