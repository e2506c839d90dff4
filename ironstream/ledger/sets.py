"""Sets of numbers and offsets that take little memory, for the ledger."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

_PAGE_BITS: Final = 16
_IN_PAGE: Final = (1 << _PAGE_BITS) - 1


class Ranges:
    """A set of whole numbers as sorted disjoint ranges: a run without holes is one, however long it is."""

    def __init__(self) -> None:
        self._first: list[int] = []
        self._last: list[int] = []

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._first, number) - 1
        return at >= 0 and number <= self._last[at]

    def add(self, number: int) -> None:
        """Put a number in."""
        at = bisect_right(self._first, number) - 1
        if at >= 0 and number <= self._last[at] + 1:
            self._last[at] = max(self._last[at], number)
        else:
            at += 1
            self._first.insert(at, number)
            self._last.insert(at, number)
        if at + 1 < len(self._first) and self._first[at + 1] == self._last[at] + 1:
            del self._first[at + 1]
            self._last[at] = self._last.pop(at + 1)

    def add_range(self, first: int, last: int) -> None:
        """Put all numbers from `first` to `last` in, as fast as one."""
        begin = bisect_left(self._last, first - 1)
        end = bisect_right(self._first, last + 1)
        if begin < end:
            first, last = min(first, self._first[begin]), max(last, self._last[end - 1])
        self._first[begin:end] = [first]
        self._last[begin:end] = [last]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """First and last of every range."""
        return zip(self._first, self._last, strict=True)

    def __or__(self, other: Ranges) -> Ranges:
        return Ranges.of([*self, *other])

    @classmethod
    def of(cls, ranges: Iterable[tuple[int, int]]) -> Ranges:
        """The set of the numbers of some ranges, each given by its first and last."""
        made = cls()
        for first, last in ranges:
            made.add_range(first, last)
        return made

    def count(self, start: int) -> int:
        """How many numbers there are from `start` on."""
        return sum(last - max(first, start) + 1 for first, last in self if last >= start)

    @property
    def low(self) -> int:
        """The lowest number."""
        return self._first[0]

    @property
    def high(self) -> int:
        """The highest number."""
        return self._last[-1]

    def fill(self, other: Ranges) -> int:
        """Put in what another set has between the lowest and the highest number of this one; returns how many."""
        low, high, added = self.low, self.high, 0
        for first, last in other:
            for number in range(max(first, low), min(last, high) + 1):
                if number not in self:
                    self.add(number)
                    added += 1
        return added

    def holes(self, start: int) -> list[tuple[int, int]]:
        """First and last of every range from `start` to the highest number that is missing."""
        firsts = [start, *(max(start, last + 1) for last in self._last)]
        return [(a, b - 1) for a, b in zip(firsts, self._first, strict=False) if a < b]


class Offsets:
    """A set of offsets of one partition, a bit each, from `first` on."""

    def __init__(self, first: int, end: int) -> None:
        self._first = first
        self._bits: NDArray[np.uint8] = np.zeros((max(end - first, 0) + 7) // 8, np.uint8)

    def add(self, offset: int) -> None:
        """Put an offset in; one beyond what was asked for is left out."""
        at = offset - self._first
        if 0 <= at < 8 * len(self._bits):
            self._bits[at >> 3] |= 1 << (at & 7)

    def __contains__(self, offset: int) -> bool:
        at = offset - self._first
        return 0 <= at < 8 * len(self._bits) and bool(self._bits[at >> 3] & (1 << (at & 7)))


class SparseOffsets:
    """A set of offsets of one partition, a bit each of every 64 Ki of them that has any."""

    def __init__(self) -> None:
        self._pages: dict[int, NDArray[np.uint8]] = {}

    def __contains__(self, offset: int) -> bool:
        page = self._pages.get(offset >> _PAGE_BITS)
        return page is not None and bool(page[(offset & _IN_PAGE) >> 3] & (1 << (offset & 7)))

    def add(self, offset: int) -> bool:
        """Put an offset in; whether it was new."""
        page, at, bit = self._page(offset >> _PAGE_BITS), (offset & _IN_PAGE) >> 3, 1 << (offset & 7)
        new = not page[at] & bit
        page[at] |= bit
        return new

    def add_all(self, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Put ascending offsets in, none of them given twice; those that were there already."""
        again = np.zeros(len(offsets), np.bool_)
        for begin, end in _runs(offsets >> _PAGE_BITS):
            page = self._page(int(offsets[begin]) >> _PAGE_BITS)
            at, bits = _bits(offsets[begin:end])
            again[begin:end] = (page[at] & bits) != 0
            np.bitwise_or.at(page, at, bits)
        return offsets[again]

    def among(self, offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Of each offset whether it is in the set."""
        found = np.zeros(len(offsets), np.bool_)
        pages = offsets >> _PAGE_BITS
        for number in np.unique(pages).tolist():
            if number in self._pages:
                some = np.flatnonzero(pages == number)
                at, bits = _bits(offsets[some])
                found[some] = (self._pages[number][at] & bits) != 0
        return found

    def _page(self, number: int) -> NDArray[np.uint8]:
        if number not in self._pages:
            self._pages[number] = np.zeros((_IN_PAGE + 1) >> 3, np.uint8)
        return self._pages[number]


class Counted:
    """How often each offset of one partition was counted, up to `MOST`: once, or more than once."""

    MOST: Final = 2

    def __init__(self) -> None:
        self._at_least = [SparseOffsets() for _ in range(self.MOST)]

    def add(self, offset: int) -> None:
        """Count an offset."""
        for one in self._at_least:
            if one.add(offset):
                return

    def add_all(self, offsets: NDArray[np.int64]) -> None:
        """Count each of them, as often as it is given."""
        while len(offsets):
            found, first = np.unique(offsets, return_index=True)
            offsets = np.delete(offsets, first)
            for one in self._at_least:
                found = one.add_all(found)

    def count(self, offset: int) -> int:
        """How often it was counted."""
        return sum(offset in one for one in self._at_least)


def _bits(offsets: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    at = (offsets & _IN_PAGE) >> 3
    return at, np.left_shift(1, offsets & 7).astype(np.uint8)


def _runs(numbers: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Where each run of equal numbers begins and ends."""
    if len(numbers):
        yield from pairwise([0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)])


class Numbers:
    """A set of 64-bit numbers, eight bytes each: filled first, asked afterwards."""

    def __init__(self) -> None:
        self._new = array("Q")
        self._sorted: NDArray[np.uint64] = np.empty(0, np.uint64)

    def add(self, number: int) -> None:
        """Put a number in."""
        self._new.append(number & 0xFFFF_FFFF_FFFF_FFFF)

    def __contains__(self, number: int) -> bool:
        if self._new:
            self._sorted = np.unique(np.concatenate([self._sorted, np.frombuffer(self._new, np.uint64)]))
            self._new = array("Q")
        wanted = np.uint64(number & 0xFFFF_FFFF_FFFF_FFFF)
        at = int(np.searchsorted(self._sorted, wanted))
        return at < len(self._sorted) and bool(self._sorted[at] == wanted)
