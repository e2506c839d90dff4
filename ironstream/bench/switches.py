"""Which version of the topology each record of a log stands behind, and which readings were judged by another. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ironstream.contract import CONTROL_KEY
from ironstream.engine.control import TopologyChange, decode_value


@dataclass(slots=True)
class Switches:
    """The changes of the topology in one partition's log, as they count: one whose number is not higher does not."""

    offsets: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)

    def add(self, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Take the next record of the log."""
        change = decode_value(value) if key == CONTROL_KEY else None
        if isinstance(change, TopologyChange) and change.number > (self.numbers[-1] if self.numbers else 0):
            self.offsets.append(offset)
            self.numbers.append(change.number)
            self.versions.append(change.version)

    def version_at(self, offset: int) -> int | None:
        """The version that a record is judged by; None before the log has named any."""
        place = bisect_right(self.offsets, offset)
        return self.versions[place - 1] if place else None


@dataclass(frozen=True, slots=True)
class Judged:
    """A reading by the place of its raw record, and the version that it says it was judged by."""

    partition: int
    offset: int
    version: int | None


@dataclass(slots=True)
class Judgement:
    """What became of the readings: how many were right, and the first ones that were not, told."""

    right: int = 0
    wrong: list[str] = field(default_factory=list)


_MOST_TOLD = 20


def judge(switches: defaultdict[int, Switches], readings: Iterable[Judged]) -> Judgement:
    """Hold each reading to the version before it in its log; one before the first named version may have any."""
    found = Judgement()
    for one in readings:
        wanted = switches[one.partition].version_at(one.offset)
        if wanted is None or wanted == one.version:
            found.right += 1
        elif len(found.wrong) < _MOST_TOLD:
            found.wrong.append(
                f"telemetry.raw/{one.partition}/{one.offset} was judged by version {one.version}, not {wanted}"
            )
    return found
