"""The records of Kafka's record batches (magic 2), split into places and put together from pieces.

One record: length, attributes, timestamp delta, offset delta, key, value, headers; all numbers but the attributes are
varints (Kafka protocol, "Record Batch").
"""

from __future__ import annotations

from typing import Any

from ironstream.kernels.bytes import copy
from ironstream.kernels.compiler import kernel
from ironstream.kernels.layout import (
    HEADERS,
    KEY,
    OFFSET,
    ROW_COLUMNS,
    ROW_ID,
    ROW_KEY,
    ROW_TIMESTAMP,
    ROW_VALUE,
    TIMESTAMP,
    VALUE,
)
from ironstream.kernels.varints import LONGEST, read_varint, varint_size, write_varint


@kernel("int64(uint8[::1], int64, int64, int64, int64, int64, int64, int64, int64[:, ::1])")
def split_records(
    buffer: Any,
    start: int,
    end: int,
    count: int,
    base_offset: int,
    base_timestamp: int,
    append_time: int,
    first_offset: int,
    rows: Any,
) -> int:
    """Fill `rows` with the records of one batch whose payload is `buffer[start:end]`, from `first_offset` on.

    `append_time` is the timestamp of all where it is not negative. Returns how many rows were filled, -1 for a payload
    that does not hold `count` whole records.
    """
    at = start
    filled = 0
    for _ in range(count):
        length, at = read_varint(buffer, at, end)
        if at < 0 or length < 1 or at + length > end:
            return -1
        after = at + length
        delta, at = read_varint(buffer, at + 1, after)
        if at < 0:
            return -1
        timestamp = base_timestamp + delta if append_time < 0 else append_time
        delta, at = read_varint(buffer, at, after)
        # one that stands before its batch would be passed over as read already
        if at < 0 or delta < 0:
            return -1
        offset = base_offset + delta
        key_length, at = read_varint(buffer, at, after)
        if at < 0 or key_length > after - at:
            return -1
        key_at = at
        at += max(key_length, 0)
        value_length, at = read_varint(buffer, at, after)
        if at < 0 or value_length > after - at:
            return -1
        value_at = at
        at += max(value_length, 0)
        if offset >= first_offset:
            row = rows[filled]
            row[OFFSET] = offset
            row[TIMESTAMP] = timestamp
            row[KEY] = key_at
            row[KEY + 1] = key_at + key_length if key_length >= 0 else -1
            row[VALUE] = value_at
            row[VALUE + 1] = value_at + value_length if value_length >= 0 else -1
            row[HEADERS] = at
            row[HEADERS + 1] = after
            filled += 1
        at = after
    return filled


@kernel("int64(uint8[::1], int64[:, ::1], uint8[::1], int64[::1])")
def find_key(buffer: Any, records: Any, key: Any, places: Any) -> int:
    """Put the places of the records with this key into `places`, in order; returns how many there are."""
    found = 0
    for at in range(len(records)):
        start, end = records[at, KEY], records[at, KEY + 1]
        if end - start != len(key):
            continue
        # From the end: keys begin alike.
        place = len(key) - 1
        while place >= 0 and buffer[start + place] == key[place]:
            place -= 1
        if place < 0:
            places[found] = at
            found += 1
    return found


@kernel(
    "UniTuple(int64, 2)(uint8[::1], int64, int64, int64, uint8[::1], uint8[::1], uint8[::1], uint8[::1],"
    " int64[:, ::1], int64)"
)
def append_rows(
    batch: Any,
    used: int,
    count: int,
    base_timestamp: int,
    source: Any,
    made: Any,
    keys: Any,
    headers: Any,
    rows: Any,
    first: int,
) -> tuple[int, int]:
    """Append records to a batch that holds `count` in `used` bytes, from row `first` on, as long as they fit.

    `headers` are those of every record as they are on the wire, up to the length of the last one, whose value is the
    row's id. Returns the row after the last one that was written, and the bytes used.
    """
    for at in range(first, len(rows)):
        row = rows[at]
        value_length = 0
        for piece in range(ROW_VALUE, ROW_COLUMNS, 2):
            value_length += row[piece + 1] - row[piece]
        key_length = row[ROW_KEY + 1] - row[ROW_KEY]
        id_length = row[ROW_ID + 1] - row[ROW_ID]
        timestamp_delta = row[ROW_TIMESTAMP] - base_timestamp
        length = (
            1
            + varint_size(timestamp_delta)
            + varint_size(count)
            + varint_size(key_length)
            + key_length
            + varint_size(value_length)
            + value_length
            + len(headers)
            + varint_size(id_length)
            + id_length
        )
        if used + length + LONGEST > len(batch):
            return at, used
        used = write_varint(batch, used, length)
        batch[used] = 0
        used = write_varint(batch, used + 1, timestamp_delta)
        used = write_varint(batch, used, count)
        used = write_varint(batch, used, key_length)
        used = copy(batch, used, keys, row[ROW_KEY], row[ROW_KEY + 1])
        used = write_varint(batch, used, value_length)
        for piece in range(ROW_VALUE, ROW_COLUMNS, 4):
            used = copy(batch, used, source, row[piece], row[piece + 1])
            used = copy(batch, used, made, row[piece + 2], row[piece + 3])
        used = copy(batch, used, headers, 0, len(headers))
        used = write_varint(batch, used, id_length)
        used = copy(batch, used, made, row[ROW_ID], row[ROW_ID + 1])
        count += 1
    return len(rows), used
