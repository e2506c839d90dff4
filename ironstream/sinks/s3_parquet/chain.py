"""Which rows of a partition a directory holds already. Pure.

The files of one stem in a directory form a chain: each holds every row of its directory whose offset is from its first
to its last offset, so a row in such a range is stored, however the log was cut when it came.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ironstream.sinks.s3_parquet.repeats import NO_MARK, NO_MARKS, Marks


@dataclass(frozen=True, slots=True)
class Extent:
    """Which offsets a file covers.

    `complete_from`: no row of the directory with an offset from there to `first` is anywhere but in files before this
    one. Two files may be merged only when nothing between them is unknown, or the range of the merged file would claim
    rows that nobody stored.
    """

    first: int
    last: int
    complete_from: int
    rows: int
    marks: Marks = NO_MARKS

    def follows(self, other: Extent) -> bool:
        """Whether nothing can be missing between `other` and this file."""
        return self.complete_from <= other.last + 1

    def holds(self, other: Extent) -> bool:
        """Whether every row of `other` is in this file."""
        return self.first <= other.first and other.last <= self.last


@dataclass(slots=True)
class Chain:
    """The files of one stem in one directory that can matter from `known_from` on, by first offset.

    An extent is None until it is needed: it is in the file's footer.
    """

    known_from: int
    files: dict[int, Extent | None] = field(default_factory=dict)

    @classmethod
    def of(cls, firsts: list[int], known_from: int) -> Chain:
        """The chain of a listing: the files that begin at `known_from` or later, and the last before them."""
        chain = cls(known_from, dict.fromkeys(sorted(firsts)))
        chain.forget_before(known_from)
        return chain

    def forget_before(self, offset: int) -> None:
        """Keep only what matters for rows from `offset` on: the chain stays as small as what is under way."""
        before = [first for first in self.files if first < offset]
        for first in sorted(before)[:-1]:
            del self.files[first]
        self.known_from = max(self.known_from, offset)

    def unread(self, last: int) -> list[int]:
        """Files whose extent must be known to tell which offsets from `known_from` to `last` are covered."""
        return [first for first, extent in self.files.items() if extent is None and first <= last]

    def add(self, extent: Extent) -> None:
        """A file that was made."""
        self.files[extent.first] = extent

    def reached_before(self, offset: int) -> int:
        """Last offset that a file before `offset` covers; -1 where there is none."""
        return max((extent.last for extent in self.files.values() if extent and extent.first < offset), default=-1)

    def highest_mark_before(self, offset: int) -> int:
        """Highest mark in files before `offset`; NO_MARK where there is none."""
        before = (extent.marks.reach for first, extent in self.files.items() if extent and first < offset)
        return max(before, default=NO_MARK)

    def after(self, offset: int) -> list[int]:
        """Files that begin after `offset`: there are some only while a hole is filled, or something is replayed."""
        return [first for first in self.files if first > offset]

    def uncovered(self, offsets: NDArray[np.int64]) -> Iterator[slice]:
        """Where rows with these offsets (ascending, not none) are not stored yet, cut where a file stands between them.

        Each slice becomes a file of its own: one over both sides of another would cover it.
        """
        first, last = int(offsets[0]), int(offsets[-1])
        if not any(start <= last and (extent is None or extent.last >= first) for start, extent in self.files.items()):
            # as nearly always: nothing to compute for all of these rows
            yield slice(0, len(offsets))
            return
        stored = np.zeros(len(offsets), np.bool_)
        for extent in self.files.values():
            if extent is not None:
                start = int(np.searchsorted(offsets, extent.first, "left"))
                stored[start : np.searchsorted(offsets, extent.last, "right")] = True
        firsts = np.array(sorted(self.files), np.int64)
        missing = np.flatnonzero(~stored)
        # how many files begin before or with each row: it changes where one stands between two rows
        before = np.searchsorted(firsts, offsets[missing], "right")
        breaks = np.flatnonzero((np.diff(missing) > 1) | (np.diff(before) > 0)) + 1
        for run in np.split(missing, breaks):
            if len(run):
                yield slice(int(run[0]), int(run[-1]) + 1)
