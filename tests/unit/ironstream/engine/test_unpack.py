"""Fetched bytes go when they have been used, and not when a garbage collector comes by."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import TopicPartition

from ironstream.engine.unpack import Fetched, KeptRecords, records_of


def fetch_result(raw: bytes) -> Any:
    records = PartitionRecords(TopicPartition("t", 0), KeptRecords(raw), [], 0, None, None, True, 0)
    return FetchResult(TopicPartition("t", 0), assignment=None, partition_records=records, backoff=0)


def batch_of(count: int) -> bytes:
    builder = BatchBuilder(1 << 16, 0)
    for number in range(count):
        builder.append(timestamp=1, key=b"k", value=b"%d" % number)
    return bytes(builder._build())


def test_fetched_batches_become_records_and_the_position_moves_behind_them() -> None:
    fetched = Fetched()
    fetched["tp"] = fetch_result(batch_of(3) + batch_of(1)[:30])
    batches = fetched["tp"]._partition_records
    assert [record.value for record in records_of(list(batches))] == [b"0", b"1", b"2"]
    assert batches.next_fetch_offset == 3


def test_nothing_holds_the_fetched_bytes_once_they_are_used() -> None:
    fetched = Fetched()
    gc.disable()
    try:
        result = fetch_result(batch_of(3))
        gone = weakref.ref(result._partition_records)
        fetched["tp"] = result
        records_of(list(result._partition_records))
        del fetched["tp"], result
        assert gone() is None
    finally:
        gc.enable()
