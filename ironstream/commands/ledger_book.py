"""The arithmetic of the ledger: what was sent of each series, and what has become of it. No I/O.

Memory does not grow with the readings: a run of an adapter is its ranges of numbers, a topic a bit per record.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

TIMES_KEPT: Final = 1024
"""Device times remembered of a series without numbers; the product tells duplicates among the last 128."""


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
        for first, last in zip(other._first, other._last, strict=True):
            for number in range(max(first, low), min(last, high) + 1):
                if number not in self:
                    self.add(number)
                    added += 1
        return added

    def holes(self, start: int) -> list[tuple[int, int]]:
        """First and last of every range from `start` to the highest number that is missing."""
        firsts = [start, *(last + 1 for last in self._last)]
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


@dataclass(frozen=True, slots=True)
class Named:
    """Which reading it is. `boot` and `seq` are None and 0 where the adapter numbers nothing; `time` in µs."""

    asset: str
    parameter: str
    boot: str | None
    seq: int
    time: int | str


@dataclass
class Account:
    """One series. All but `sent` and `missing` count readings in telemetry.raw, or what came of expired ones.

    `sent` is told by the numbers of the adapter's runs; readings without one are in `unnumbered`.
    """

    asset: str
    parameter: str
    raw: int = 0
    unnumbered: int = 0
    clean: int = 0
    duplicate: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    expired: int = 0
    """Clean or refused long enough ago that the raw record has expired."""
    pending: int = 0
    unexplained: list[tuple[int, int]] = field(default_factory=list)
    """Partition and offset of readings that are in the log, have been processed, and came to nothing."""
    runs: dict[str, Ranges] = field(default_factory=dict)
    partial: bool = False
    """The log that was read does not go back to its beginning: the oldest run may have begun before it."""
    earlier: int = 0
    """Numbers within the runs that came before the part of the log that was read."""
    _times: dict[int | str, None] = field(default_factory=dict)

    def know(self, reading: Named) -> bool:
        """Remember a reading; False where it was known: by its number, or without one by its time."""
        if reading.boot and reading.seq > 0:
            run = self.runs.setdefault(reading.boot, Ranges())
            known = reading.seq in run
            run.add(reading.seq)
            return not known
        if reading.time in self._times:
            return False
        self._times[reading.time] = None
        if len(self._times) > TIMES_KEPT:
            del self._times[next(iter(self._times))]
        return True

    def _starts(self) -> Iterable[tuple[str, Ranges, int]]:
        for place, (boot, run) in enumerate(self.runs.items()):
            yield boot, run, run.low if self.partial and place == 0 else 1

    @property
    def sent(self) -> int:
        """How many readings the runs' numbers say were sent."""
        return sum(run.high - start + 1 for _, run, start in self._starts()) - self.earlier

    @property
    def holes(self) -> dict[str, list[tuple[int, int]]]:
        """Of each run the numbers that were sent and never came, as first and last."""
        found = {boot: run.holes(start) for boot, run, start in self._starts()}
        return {boot: holes for boot, holes in found.items() if holes}

    @property
    def missing(self) -> int:
        """How many numbers these are."""
        return sum(last - first + 1 for holes in self.holes.values() for first, last in holes)

    @property
    def explained(self) -> bool:
        """Whether everything that was sent came, and everything that came became something."""
        return not self.missing and not self.unexplained


@dataclass
class Unnamed:
    """Records that name no series."""

    raw: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    expired: int = 0
    pending: int = 0
    unexplained: list[tuple[int, int]] = field(default_factory=list)


class Book:
    """All series, and the records that name none."""

    def __init__(self, *, partial: bool = False) -> None:
        self.accounts: dict[tuple[str, str], Account] = {}
        self.unnamed = Unnamed()
        self.doubtful: list[tuple[Account, Named, tuple[int, int]]] = []
        """Readings that came to nothing and repeat nothing that was read: unless what they repeat stood before it."""
        self._partial = partial

    def account(self, reading: Named) -> Account:
        """The series of a reading."""
        name = reading.asset, reading.parameter
        account = self.accounts.get(name)
        if account is None:
            account = self.accounts[name] = Account(*name, partial=self._partial)
        return account

    def expired(self, reading: Named) -> None:
        """A clean or refused reading whose raw record is there no more."""
        account = self.account(reading)
        account.expired += account.know(reading)

    def take(
        self,
        reading: Named,
        place: tuple[int, int],
        *,
        clean: bool,
        refused: str | None,
        pending: bool,
        several: bool = False,
    ) -> None:
        """The next reading of telemetry.raw, those of a series in the order of the log.

        `refused` is why its record is in the DLQ; of `several` readings of one record that may be for another's sake.
        """
        account = self.account(reading)
        account.raw += 1
        account.unnumbered += not (reading.boot and reading.seq > 0)
        fresh = account.know(reading)
        if clean:
            account.clean += 1
        elif refused is not None and (fresh or not several):
            account.refused[refused] += 1
        elif pending:
            account.pending += 1
        elif not fresh:
            account.duplicate += 1
        else:
            self.doubtful.append((account, reading, place))

    def take_unnamed(self, place: tuple[int, int], *, refused: str | None, pending: bool) -> None:
        """The next record of telemetry.raw that names no series."""
        self.unnamed.raw += 1
        if refused is not None:
            self.unnamed.refused[refused] += 1
        elif pending:
            self.unnamed.pending += 1
        else:
            self.unnamed.unexplained.append(place)

    @property
    def is_open(self) -> bool:
        """Whether anything could be explained by what stands before the part of the log that was read."""
        return bool(self.doubtful) or any(account.missing for account in self.accounts.values())

    def settle(self, before: Book) -> None:
        """Decide what was doubtful; `before` knows what stood before that which was read."""
        for name, earlier in before.accounts.items():
            account = self.accounts.get(name)
            for boot, run in earlier.runs.items():
                if account is not None and boot in account.runs:
                    account.earlier += account.runs[boot].fill(run)
        for account, reading, place in self.doubtful:
            if before.account(reading).know(reading):
                account.unexplained.append(place)
            else:
                account.duplicate += 1
        self.doubtful.clear()

    @property
    def explained(self) -> bool:
        """Whether nothing is missing and nothing unexplained."""
        return all(account.explained for account in self.accounts.values()) and not self.unnamed.unexplained
