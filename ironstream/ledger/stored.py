"""The arithmetic of the ledger's stores: which clean readings are in a store, and how often. No I/O.

Of a record with one reading its offset is the name, a bit. Of one with several it takes the series too, eight bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ironstream.contract import SeriesId
from ironstream.ledger.sets import Counted, SparseOffsets
from ironstream.query.origins import Origins, Span, times_of_days

Place = tuple[int, int]
"""Partition and offset of a raw record."""
PLACES_KEPT: Final = 20
_DAY_US: Final = 86_400_000_000
_OFFSET_BITS: Final = 40
_SERIES_MAX: Final = 1 << (63 - _OFFSET_BITS)


@dataclass
class Stored:
    """What has become of the clean readings of a series in one store.

    Each is counted once, but that those of `doubled` are in `stored` too.
    """

    stored: int = 0
    waiting: int = 0
    """The sink has yet to come to them."""
    refused: int = 0
    """Dead letters of the sink."""
    expired: int = 0
    """Older than the store keeps readings, and not there."""
    missing: int = 0
    """The sink has dealt with them, and they are neither there nor dead letters."""
    doubled: int = 0
    """There more than once."""
    missing_places: list[Place] = field(default_factory=list)
    """Raw records of the first ones that are missing."""
    doubled_places: list[Place] = field(default_factory=list)

    @property
    def explained(self) -> bool:
        """Whether none is missing and none doubled."""
        return not self.missing and not self.doubled

    def there(self, place: Place, rows: int) -> None:
        """Count a reading that the store has in so many rows."""
        self.stored += 1
        if rows > 1:
            self.doubled += 1
            if len(self.doubled_places) < PLACES_KEPT:
                self.doubled_places.append(place)

    def lost(self, place: Place) -> None:
        """Count a reading that should be in the store."""
        self.missing += 1
        if len(self.missing_places) < PLACES_KEPT:
            self.missing_places.append(place)


class _Partition:
    """Clean readings that were made of one partition of raw records."""

    def __init__(self) -> None:
        self.low, self.high = 1 << 63, -1
        self.several = SparseOffsets()
        self.new = array("q")
        self.keys: NDArray[np.int64] = np.empty(0, np.int64)
        """Of records with several readings each of these, by `key_of`."""
        self.seen = SparseOffsets()

    def settle(self) -> None:
        self.keys = np.unique(np.frombuffer(self.new, np.int64))
        self.new = array("q")

    def at(self, key: int) -> int:
        """Place of a key that is there."""
        return int(np.searchsorted(self.keys, key))


class Wanted:
    """The clean readings that are looked for: first all are added, then `settle`, then each is asked for."""

    def __init__(self) -> None:
        self._partitions: dict[int, _Partition] = {}
        self._codes: dict[SeriesId, int] = {}
        self._days: set[int] = set()
        self._kafka_from_us: int | None = None

    def add(self, place: Place, part: str, series: SeriesId, time_us: int, kafka_us: int | None) -> None:
        """A clean reading, of `part` of the raw record where that has several; once for each of its records."""
        number, offset = place
        partition = self._partitions.setdefault(number, _Partition())
        partition.low, partition.high = min(partition.low, offset), max(partition.high, offset)
        if part:
            partition.several.add(offset)
            partition.new.append(self._key(series, offset))
        self._days.add(time_us // _DAY_US)
        # the row of a reading without that time has none either, and is asked for all the same
        if kafka_us is not None and (self._kafka_from_us is None or kafka_us < self._kafka_from_us):
            self._kafka_from_us = kafka_us

    def settle(self) -> Span:
        """Nothing more is added; what to ask stores for."""
        for partition in self._partitions.values():
            partition.settle()
        return Span(
            {number: (one.low, one.high) for number, one in sorted(self._partitions.items())},
            times_of_days(self._days),
            self._kafka_from_us,
        )

    def first_time(self, place: Place, part: str, series: SeriesId) -> bool:
        """Whether this reading, which was added, is asked for the first time; a repeat in the log is not."""
        partition = self._partitions[place[0]]
        # keys are numbered after all offsets that there can be
        return partition.seen.add((1 << _OFFSET_BITS) + partition.at(self._key(series, place[1])) if part else place[1])

    def held(self) -> Held:
        """A store to tell the contents of."""
        return Held(self._partitions, self._codes)

    def _key(self, series: SeriesId, offset: int) -> int:
        return key_of(self._codes.setdefault(series, len(self._codes)), offset)


def key_of(code: int, offset: int) -> int:
    """A number for a series and an offset, no two alike. Raises OverflowError where there are too many series."""
    if code >= _SERIES_MAX or offset >> _OFFSET_BITS:
        raise OverflowError(f"series {code} and offset {offset} do not fit into one number")
    return code << _OFFSET_BITS | offset


class Held:
    """How often each wanted reading is in one store."""

    def __init__(self, partitions: dict[int, _Partition], codes: dict[SeriesId, int]) -> None:
        self._partitions = partitions
        self._codes = codes
        self._counted = {number: Counted() for number in partitions}
        self._key_counts = {number: np.zeros(len(one.keys), np.uint8) for number, one in partitions.items()}
        self.rows = 0
        """Rows that were told."""

    def take(self, origins: Origins) -> None:
        """Some rows of the store."""
        self.rows += len(origins.offsets)
        for number in np.unique(origins.partitions).tolist():
            if number not in self._partitions:
                continue
            some = np.flatnonzero(origins.partitions == number)
            offsets = origins.offsets[some]
            several = self._partitions[number].several.among(offsets)
            self._counted[number].add_all(offsets[~several])
            if several.any():
                self._count(number, offsets[several], origins.series[some][several], origins.names)

    def _count(
        self, number: int, offsets: NDArray[np.int64], series: NDArray[np.int64], names: Sequence[SeriesId]
    ) -> None:
        found, which = np.unique(series, return_inverse=True)
        # a series that is not looked for has no code: its key is that of none
        codes = np.array([self._codes.get(names[one], _SERIES_MAX - 1) for one in found.tolist()], np.int64)
        keys = codes[which] << _OFFSET_BITS | offsets
        wanted, counts = self._partitions[number].keys, self._key_counts[number]
        at = np.minimum(np.searchsorted(wanted, keys), max(len(wanted) - 1, 0))
        hits, more = np.unique(at[wanted[at] == keys], return_counts=True)
        counts[hits] = np.minimum(counts[hits] + more, Counted.MOST)

    def rows_of(self, place: Place, part: str, series: SeriesId) -> int:
        """How many rows have a reading, which was added; at most `Counted.MOST`."""
        number, offset = place
        if part:
            return int(self._key_counts[number][self._partitions[number].at(key_of(self._codes[series], offset))])
        return self._counted[number].count(offset)
