"""Texts of which there are few, as numbers: each different one is found once per column, by a hash table."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ironstream.kernels.bytes import copy, load_word
from ironstream.kernels.compiler import helper, kernel

_SEED: Final = np.uint64(14695981039346656037)
_PRIME: Final = np.uint64(0x9E3779B97F4A7C15)
_ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_BITS: Final = np.uint64(64)
_HALF: Final = np.uint64(32)


@helper
def _last(buffer: Any, at: int, end: int) -> Any:
    """The last bytes of a text, up to eight, as one word."""
    return load_word(buffer, at) & (_ALL >> (_BITS - np.uint64(8 * (end - at))))


@helper
def _hash_of(buffer: Any, at: int, end: int) -> Any:
    result = _SEED ^ np.uint64(end - at)
    while at + 8 < end:
        result = (result ^ load_word(buffer, at)) * _PRIME
        result ^= result >> _HALF
        at += 8
    if at < end:
        result = (result ^ _last(buffer, at, end)) * _PRIME
    return result ^ (result >> _HALF)


@helper
def _same(buffer: Any, at: int, end: int, other: int, other_end: int) -> bool:
    if end - at != other_end - other:
        return False
    while at + 8 < end:
        if load_word(buffer, at) != load_word(buffer, other):
            return False
        at += 8
        other += 8
    return bool(at == end or _last(buffer, at, end) == _last(buffer, other, other_end))


@kernel("int64(uint8[::1], int64[:, ::1], int64, int32[::1], int32[::1], int32[::1])")
def number_texts(buffer: Any, found: Any, column: int, slots: Any, firsts: Any, numbers: Any) -> int:
    """Number the texts that stand where columns `column` (start) and the next (end) say; -1 where the start is < 0.

    Numbers are in the order in which the texts come first; `firsts` gets the row of each. `slots` is room for the
    table: a power of two, at least twice the rows. Returns how many different ones there are. 8 bytes can be read
    behind each text (`layout.PADDING`).
    """
    slots[:] = -1
    mask = np.uint64(len(slots) - 1)
    count = 0
    last = -1
    for row in range(len(found)):
        start, end = found[row, column], found[row, column + 1]
        if start < 0:
            numbers[row] = -1
            continue
        # neighbours are alike more often than not
        if last >= 0 and _same(buffer, start, end, found[last, column], found[last, column + 1]):
            numbers[row] = numbers[last]
            continue
        last = row
        slot = _hash_of(buffer, start, end) & mask
        while slots[slot] >= 0:
            first = firsts[slots[slot]]
            if _same(buffer, start, end, found[first, column], found[first, column + 1]):
                break
            slot = (slot + np.uint64(1)) & mask
        if slots[slot] < 0:
            slots[slot] = count
            firsts[count] = row
            count += 1
        numbers[row] = slots[slot]
    return count


@kernel("void(uint8[::1], int64[:, ::1], int64, int32[::1], int32[::1], uint8[::1])")
def join_texts(buffer: Any, found: Any, column: int, firsts: Any, ends: Any, joined: Any) -> None:
    """Put the texts of the rows `firsts` one behind the other; `ends` gets 0 and where each of them ends."""
    used = 0
    ends[0] = 0
    for number in range(len(firsts)):
        row = firsts[number]
        used = copy(joined, used, buffer, found[row, column], found[row, column + 1])
        ends[number + 1] = used
