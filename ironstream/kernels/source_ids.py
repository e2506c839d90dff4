"""From the ids of clean readings to the raw records that they were made of, without an object for any."""

from __future__ import annotations

from typing import Any, Final

from ironstream.kernels.compiler import helper, kernel
from ironstream.kernels.layout import HEADERS
from ironstream.kernels.varints import read_varint

_SLASH: Final = 47
_ZERO: Final = 48
_LARGEST_PARTITION: Final = 2**31 - 1


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

    An id may go on after the offset with a slash and the name of a part of the record. Of several the last counts; one
    with numbers that no record can have is none. Headers that are no headers end the search in their record.
    """
    for row in range(len(records)):
        partitions[row], offsets[row] = -1, -1
        end = records[row, HEADERS + 1]
        count, at = read_varint(buffer, records[row, HEADERS], end)
        while at >= 0 and count > 0:
            count -= 1
            length, name = read_varint(buffer, at, end)
            if name < 0 or length < 0 or length > end - name:
                break
            size, value = read_varint(buffer, name + length, end)
            if value < 0 or size > end - value:
                break
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
            if partition < 0 or partition > _LARGEST_PARTITION or after >= at:
                continue
            offset, _ = _number(buffer, after + 1, at)
            if offset >= 0:
                partitions[row], offsets[row] = partition, offset
