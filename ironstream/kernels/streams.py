"""The streams that readings belong to, found by the bytes of their names: a hash table with open addressing."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ironstream.kernels.compiler import helper, kernel
from ironstream.kernels.layout import NUMBER_OF_PARTS, PARTS, SLOW

_ABSENT: Final = 30
_SEPARATOR: Final = 31
"""Neither stands in a name that a kernel reads: those have no control characters."""
_FNV_OFFSET: Final = np.uint64(14695981039346656037)
_FNV_PRIME: Final = np.uint64(1099511628211)


@helper
def _hash_of(buffer: Any, row: Any) -> Any:
    result = _FNV_OFFSET
    for part in range(PARTS, PARTS + 2 * NUMBER_OF_PARTS, 2):
        if row[part] < 0:
            result = (result ^ np.uint64(_ABSENT)) * _FNV_PRIME
        for place in range(row[part], row[part + 1]):
            result = (result ^ np.uint64(buffer[place])) * _FNV_PRIME
        result = (result ^ np.uint64(_SEPARATOR)) * _FNV_PRIME
    return result ^ (result >> np.uint64(32))


@helper
def _is(buffer: Any, row: Any, arena: Any, start: int, end: int) -> bool:
    """Whether the names of a row are those at `arena[start:end]`."""
    at = start
    for part in range(PARTS, PARTS + 2 * NUMBER_OF_PARTS, 2):
        length = row[part + 1] - row[part]
        if row[part] < 0:
            if at >= end or arena[at] != _ABSENT:
                return False
            at += 1
        elif at + length >= end:
            return False
        for place in range(length):
            if arena[at + place] != buffer[row[part] + place]:
                return False
        at += length
        if at >= end or arena[at] != _SEPARATOR:
            return False
        at += 1
    return at == end


@kernel(
    "void(uint8[::1], int64[:, ::1], uint8[::1], int64[::1], uint64[::1], int64[::1], uint8[::1], int64[::1])",
)
def find_streams(
    buffer: Any, found: Any, fates: Any, slots: Any, hashes: Any, ends: Any, arena: Any, numbers: Any
) -> None:
    """Number of the stream of each reading that is not `SLOW`; -1 for one that is not known."""
    mask = np.uint64(len(slots) - 1)
    for at in range(len(found)):
        numbers[at] = -1
        if fates[at] == SLOW:
            continue
        name = _hash_of(buffer, found[at])
        slot = name & mask
        while slots[slot] >= 0:
            number = slots[slot]
            if hashes[number] == name and _is(
                buffer, found[at], arena, ends[number - 1] if number else 0, ends[number]
            ):
                numbers[at] = number
                break
            slot = (slot + np.uint64(1)) & mask


@kernel("uint64(uint8[::1], int64[::1])")
def hash_of(buffer: Any, row: Any) -> Any:
    """Hash of the names of one row."""
    return _hash_of(buffer, row)


class StreamIndex:
    """Streams in the order in which they were added, by the names that readings say: tenant, site, asset, parameter,
    unit, boot, each bytes or None."""

    def __init__(self) -> None:
        self._count = 0
        self._slots = np.full(1024, -1, np.int64)
        self._hashes = np.zeros(512, np.uint64)
        self._ends = np.zeros(512, np.int64)
        self._values = np.zeros(512, np.int64)
        self._arena = np.zeros(1 << 15, np.uint8)

    def find(self, buffer: NDArray[np.uint8], found: NDArray[np.int64], fates: NDArray[np.uint8]) -> NDArray[np.int64]:
        """What was put in for the names of each row; -1 where the row is `SLOW` or its names are new."""
        numbers = np.empty(len(found), np.int64)
        find_streams(buffer, found, fates, self._slots, self._hashes, self._ends, self._arena, numbers)
        return np.where(numbers < 0, -1, self._values[np.maximum(numbers, 0)])

    def add(self, buffer: NDArray[np.uint8], row: NDArray[np.int64], value: int) -> None:
        """Put `value` in for the names of a row, which must be new."""
        name = bytearray()
        for part in range(PARTS, PARTS + 2 * NUMBER_OF_PARTS, 2):
            start, end = int(row[part]), int(row[part + 1])
            name += bytes([_ABSENT]) if start < 0 else buffer[start:end].tobytes()
            name.append(_SEPARATOR)
        self._make_room(len(name))
        number, start = self._count, int(self._ends[self._count - 1]) if self._count else 0
        self._arena[start : start + len(name)] = np.frombuffer(name, np.uint8)
        self._ends[number] = start + len(name)
        self._hashes[number] = hash_of(buffer, row)
        self._values[number] = value
        self._count += 1
        self._enter(number)

    def _enter(self, number: int) -> None:
        mask = len(self._slots) - 1
        slot = int(self._hashes[number]) & mask
        while self._slots[slot] >= 0:
            slot = (slot + 1) & mask
        self._slots[slot] = number

    def _make_room(self, length: int) -> None:
        used = int(self._ends[self._count - 1]) if self._count else 0
        if used + length > len(self._arena):
            self._arena = np.concatenate([self._arena, np.zeros(max(length, len(self._arena)), np.uint8)])
        if self._count == len(self._hashes):
            grown = np.zeros(self._count, np.int64)
            self._ends, self._values = (np.concatenate([one, grown]) for one in (self._ends, self._values))
            self._hashes = np.concatenate([self._hashes, grown.astype(np.uint64)])
        if self._count * 2 >= len(self._slots):
            self._slots = np.full(2 * len(self._slots), -1, np.int64)
            for number in range(self._count):
                self._enter(number)
