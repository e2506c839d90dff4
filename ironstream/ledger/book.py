"""The arithmetic of the ledger: what was sent of each series, and what has become of it. No I/O.

Memory does not grow with the readings: a run of an adapter is its ranges of numbers, a topic a bit per record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ironstream.ledger.sets import Ranges
from ironstream.ledger.stored import Stored
from ironstream.overflow import BufferOverflow

TIMES_KEPT: Final = 1024
"""Device times remembered of a series without numbers; the product tells duplicates among the last 128."""


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
    dropped: dict[str, Ranges] = field(default_factory=dict)
    """Of each run the numbers that a gateway gave up because its buffer was full."""
    dropped_unnumbered: int = 0
    earlier: int = 0
    """Numbers within the runs that came before the part of the log that was read."""
    stores: dict[str, Stored] = field(default_factory=dict)
    """What has become of the clean readings in each store that was asked, by the id of its sink."""
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

    def _spans(self) -> Iterable[tuple[str, int, Ranges, Ranges]]:
        """Of each run where it starts, what came, and what came or was told to be dropped."""
        none = Ranges()
        for place, (boot, run) in enumerate(self.runs.items()):
            start = run.low if self.partial and place == 0 else 1
            yield boot, start, run, run | self.dropped.get(boot, none)
        for boot, dropped in self.dropped.items():
            if boot not in self.runs and not self.partial:
                yield boot, 1, none, dropped
            elif boot not in self.runs:
                # what came between them may stand before that which was read
                yield from ((boot, first, none, Ranges.of([(first, last)])) for first, last in dropped)

    @property
    def sent(self) -> int:
        """How many readings the runs' numbers say were made, those that a gateway dropped included."""
        return sum(told.high - start + 1 for _, start, _, told in self._spans()) - self.earlier

    @property
    def overflow(self) -> int:
        """How many readings a gateway gave up because its buffer was full; they never reached Kafka."""
        numbered = sum(told.count(start) - came.count(start) for _, start, came, told in self._spans())
        return numbered + self.dropped_unnumbered

    @property
    def holes(self) -> dict[str, list[tuple[int, int]]]:
        """Of each run the numbers that were sent, never came and were not dropped, as first and last."""
        found = {boot: told.holes(start) for boot, start, _, told in self._spans()}
        return {boot: holes for boot, holes in found.items() if holes}

    @property
    def missing(self) -> int:
        """How many numbers these are."""
        return sum(last - first + 1 for holes in self.holes.values() for first, last in holes)

    @property
    def explained(self) -> bool:
        """Whether everything that was sent came, became something, and is once in every store that was asked."""
        return not self.missing and not self.unexplained and all(one.explained for one in self.stores.values())


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
        self._told: set[str] = set()

    def account(self, reading: Named) -> Account:
        """The series of a reading."""
        return self._account(reading.asset, reading.parameter)

    def stored(self, reading: Named, store: str) -> Stored:
        """What has become of a series in a store."""
        return self.account(reading).stores.setdefault(store, Stored())

    def _account(self, asset: str, parameter: str) -> Account:
        name = asset, parameter
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

    def take_overflow(self, told: BufferOverflow) -> None:
        """What a gateway has given up, a repeat of it included."""
        if told.id in self._told:
            return
        self._told.add(told.id)
        asset = f"{told.tenant_id}/{told.site_id}/{told.asset_id}"
        for part in told.dropped:
            account = self._account(asset, part.parameter)
            ranges = [(first, last) for first, last in part.seq if 0 < first <= last] if part.boot else []
            for first, last in ranges:
                account.dropped.setdefault(part.boot or "", Ranges()).add_range(first, last)
            account.dropped_unnumbered += max(0, part.count - sum(last - first + 1 for first, last in ranges))

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
