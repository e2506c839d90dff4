"""From the ids of clean readings to the raw records that they were made of, without an object for any."""

from __future__ import annotations

from typing import Any, Final

from ironstream.kernels.compiler import helper, kernel
from ironstream.kernels.layout import HEADERS

_SLASH: Final = 47
_ZERO: Final = 48


@helper
def _varint(buffer: Any, at: int) -> Any:
    value, shift = 0, 0
    while True:
        byte = int(buffer[at])
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7


@helper
def _number(buffer: Any, at: int, end: int) -> Any:
    """Digits up to a slash or the end, and where they end; -1 where there are none, or too many for a number."""
    value, start = 0, at
    while at < end and buffer[at] != _SLASH:
        digit = int(buffer[at]) - _ZERO
        if digit < 0 or digit > 9 or at - start > 17:
            return -1, at
        value = value * 10 + digit
        at += 1
    return (value if at > start else -1), at


@kernel("(uint8[::1], int64[:, ::1], uint8[::1], uint8[::1], int64[::1], int64[::1])")
def source_ids(buffer: Any, records: Any, header: Any, prefix: Any, partitions: Any, offsets: Any) -> None:
    """Partition and offset of each record from its `header`: `prefix` + partition/offset; -1 and -1 without one.

    An id may go on after the offset with a slash and the name of a part of the record.
    """
    for row in range(len(records)):
        partitions[row], offsets[row] = -1, -1
        at, end = records[row, HEADERS], records[row, HEADERS + 1]
        if at >= end:
            continue
        count, at = _varint(buffer, at)
        for _ in range(count):
            length, name = _varint(buffer, at)
            size, value = _varint(buffer, name + length)
            at = value + max(size, 0)
            if length != len(header) or size <= len(prefix):
                continue
            same = True
            for place in range(length):
                same = same and buffer[name + place] == header[place]
            for place in range(len(prefix)):
                same = same and buffer[value + place] == prefix[place]
            if not same:
                continue
            partition, after = _number(buffer, value + len(prefix), at)
            if partition < 0 or after >= at:
                continue
            offset, _ = _number(buffer, after + 1, at)
            if offset >= 0:
                partitions[row], offsets[row] = partition, offset
