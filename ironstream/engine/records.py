"""Fetched records as columns: their bytes in one buffer, and a row of places per record.

No Python object is made for a record until somebody asks for that one, which only the rare ones need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, overload

import numpy as np
from numpy.typing import NDArray

from ironstream.kernels.layout import HEADERS, KEY, OFFSET, PADDING, RECORD_COLUMNS, TIMESTAMP, VALUE

Headers = Sequence[tuple[str, bytes]]


class Record(Protocol):
    """One record as fetched; `timestamp` is ms since the epoch, the broker's append time on raw topics."""

    @property
    def offset(self) -> int:
        """Its offset."""

    @property
    def timestamp(self) -> int:
        """ms since the epoch."""

    @property
    def key(self) -> bytes | None:
        """Its key."""

    @property
    def value(self) -> bytes | None:
        """Its value."""

    @property
    def headers(self) -> Headers:
        """Its headers."""


@dataclass(frozen=True, slots=True)
class FetchedRecord:
    """One record of `Records`; `timestamp` is ms since the epoch."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Records(Sequence[Record]):
    """Consecutive records of one partition.

    `buffer` (uint8) holds the bytes of all; `places` (records, 8) has offset, timestamp, and where key, value and
    headers stand (see `kernels.layout`).
    """

    __slots__ = ("buffer", "places")

    def __init__(self, buffer: NDArray[np.uint8], places: NDArray[np.int64]) -> None:
        self.buffer = buffer
        self.places = places

    @classmethod
    def of(cls, records: Iterable[Record]) -> Records:
        """Records that exist as objects, as columns."""
        buffer = bytearray()
        places: list[list[int]] = []
        for record in records:
            row = [record.offset, record.timestamp]
            for part in (record.key, record.value):
                row += [len(buffer), -1 if part is None else len(buffer) + len(part)]
                buffer += part or b""
            start = len(buffer)
            buffer += encode_headers(record.headers)
            places.append([*row, start, len(buffer)])
        buffer += bytes(PADDING)
        return cls(np.frombuffer(buffer, np.uint8), np.array(places, np.int64).reshape(-1, RECORD_COLUMNS))

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Offset of each record."""
        return self.places[:, OFFSET]

    @property
    def timestamps(self) -> NDArray[np.int64]:
        """Timestamp of each record, ms since the epoch."""
        return self.places[:, TIMESTAMP]

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, at: int) -> Record: ...
    @overload
    def __getitem__(self, at: slice) -> Records: ...
    def __getitem__(self, at: int | slice) -> Record | Records:
        if isinstance(at, slice):
            return Records(self.buffer, np.ascontiguousarray(self.places[at]))
        row = self.places[at].tolist()
        return FetchedRecord(
            row[OFFSET],
            row[TIMESTAMP],
            self._bytes(row[KEY], row[KEY + 1]),
            self._bytes(row[VALUE], row[VALUE + 1]),
            _decode_headers(self.buffer[row[HEADERS] : row[HEADERS + 1]].tobytes()),
        )

    def __iter__(self) -> Iterator[Record]:
        return (self[at] for at in range(len(self)))

    def value(self, at: int) -> bytes | None:
        """Value of one record."""
        start, end = self.places[at, VALUE : VALUE + 2].tolist()
        return self._bytes(start, end)

    def with_key(self, key: bytes) -> list[int]:
        """Places of the records that have this key, in order."""
        # Imported here: the command line reads records, too, and need not wait for a compiler.
        from ironstream.kernels.record_batches import find_key

        places = np.empty(len(self), np.int64)
        count = find_key(self.buffer, self.places, np.frombuffer(bytearray(key), np.uint8), places)
        found: list[int] = places[:count].tolist()
        return found

    def _bytes(self, start: int, end: int) -> bytes | None:
        return None if end < 0 else self.buffer[start:end].tobytes()


def encode_headers(headers: Headers) -> bytes:
    """Headers as they are in a record: count, then name and value of each, all lengths zigzag varints."""
    found = bytearray(_varint(len(headers)))
    for name, value in headers:
        found += _varint(len(name.encode())) + name.encode()
        found += _varint(-1) if value is None else _varint(len(value)) + value
    return bytes(found)


def _decode_headers(wire: bytes) -> Headers:
    if wire[:1] == b"\0":
        return ()
    count, at = _read_varint(wire, 0)
    headers = []
    for _ in range(count):
        length, at = _read_varint(wire, at)
        name = wire[at : at + length].decode("utf-8", "replace")
        length, at = _read_varint(wire, at + length)
        # A header without a value, which Kafka allows, is to us one that is empty.
        headers.append((name, wire[at : at + length] if length > 0 else b""))
        at += max(length, 0)
    return headers


def _varint(value: int) -> bytes:
    rest, found = (value << 1) ^ (value >> 63), bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*found, rest])


def _read_varint(wire: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = wire[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7
