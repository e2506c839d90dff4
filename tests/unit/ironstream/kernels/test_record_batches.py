"""Record batches are read and written as aiokafka's own C code does it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.producer.message_accumulator import BatchBuilder
from hypothesis import example, given
from hypothesis import strategies as st

from ironstream.contract import ID_HEADER
from ironstream.engine.api import Pieces
from ironstream.engine.packed import PackedBatch
from ironstream.engine.unpack import FetchedBatch, KeptRecords, records_of
from ironstream.kernels.layout import PIECES, ROW_COLUMNS, ROW_ID, ROW_KEY, ROW_TIMESTAMP, ROW_VALUE

HEADER_SIZE = 61
blobs = st.one_of(st.none(), st.binary(max_size=300))
headers = st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=9)), max_size=3)
rows = st.lists(st.tuples(st.integers(1, 2**41), blobs, blobs, headers), min_size=1, max_size=20)


@given(rows, st.integers(0, 2**40), st.integers(0, 25))
def test_records_are_those_that_were_written(records: list[Any], base: int, skip: int) -> None:
    builder = BatchBuilder(1 << 20, 0)
    for time, key, value, given_headers in records:
        assert builder.append(timestamp=time, key=key, value=value, headers=given_headers) is not None
    raw = bytes(builder._build())
    batch = FetchedBatch(memoryview(raw)[HEADER_SIZE:], len(records), base, records[0][0], -1, base + skip)

    got = records_of([batch, batch])
    expected = [
        (base + at, time, key, value, tuple(given_headers))
        for at, (time, key, value, given_headers) in enumerate(records)
        if at >= skip
    ]
    assert [(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in got] == expected * 2
    assert [got.value(at) for at in range(len(got))] == [r.value for r in got]
    for key in {key for _, key, _, _ in records if key is not None}:
        assert got.with_key(key) == [at for at, r in enumerate(got) if r.key == key]
    appended = records_of([FetchedBatch(batch.payload, len(records), base, records[0][0], 77, 0)])
    assert {r.timestamp for r in appended} == {77}


@given(st.binary(min_size=1, max_size=60), st.integers(1, 5))
@example(b"\n\x00\x00\x01\x00\x00", 1)  # a record before the batch that it is in
def test_a_batch_that_does_not_hold_its_records_is_refused(payload: bytes, count: int) -> None:
    try:
        got = records_of([FetchedBatch(payload, count, 0, 0, -1, 0)])
    except CorruptRecordException:
        return
    assert len(got) == count


def test_a_batch_cut_short_is_refused() -> None:
    builder = BatchBuilder(1 << 20, 0)
    builder.append(timestamp=1, key=b"k", value=b"value")
    raw = bytes(builder._build())[HEADER_SIZE:]
    for length in range(len(raw)):
        with pytest.raises(CorruptRecordException):
            records_of([FetchedBatch(raw[:length], 1, 0, 0, -1, 0)])


spans = st.tuples(st.integers(0, 400), st.integers(0, 100))
plans = st.lists(st.tuples(st.integers(1, 2**41), spans, spans, st.lists(spans, max_size=2 * PIECES)), max_size=30)


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
@given(plan=plans, limit=st.integers(2_000, 20_000))
def test_batches_put_together_are_read_by_aiokafka(compression: str | None, plan: list[Any], limit: int) -> None:
    source, made, keys = (np.random.default_rng(seed).integers(0, 256, 512, np.uint8) for seed in (1, 2, 3))
    table = np.zeros((len(plan), ROW_COLUMNS), np.int64)
    expected = []
    for row, (time, key, name, pieces) in zip(table, plan, strict=True):
        row[ROW_TIMESTAMP] = time
        row[ROW_KEY : ROW_KEY + 2] = key[0], sum(key)
        row[ROW_ID : ROW_ID + 2] = name[0], sum(name)
        value = b""
        for number, (start, length) in enumerate(pieces):
            row[ROW_VALUE + 2 * number : ROW_VALUE + 2 * number + 2] = start, start + length
            value += (made if number % 2 else source)[start : start + length].tobytes()
        expected.append((time, keys[key[0] : sum(key)].tobytes(), value, made[name[0] : sum(name)].tobytes()))
    got, done = [], 0
    while done < len(plan):
        batch = PackedBatch(limit, compression)
        before, done = done, batch.append(Pieces(source, made, keys, table), done)
        assert done > before
        batch._set_producer_state(5, 6, 7)
        raw = KeptRecords(bytes(batch._build()))
        read = raw.next_batch()
        assert read.validate_crc()
        assert (read.producer_id, read.producer_epoch, read.base_sequence) == (5, 6, 7)
        assert batch.record_count() == done - before
        got += [(r.timestamp, r.key, r.value, dict(r.headers)[ID_HEADER]) for r in read]
    assert got == expected
