"""All that telemetry.raw must lead to: plain Python, one record after the other, no code of the product.

The rules are those of the documents (docs/topology.md, docs/guarantees.md). It knows nothing of batches,
columns, crashes or commits, so it cannot share their faults.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import Any

from tests.support.oracle.conditions import ConditionState, SeriesConditions
from tests.support.oracle.quality import CODES, Judged, Quality, SeriesMemory, rate_of
from tests.support.oracle.rules import Rules, Size
from tests.support.oracle.windows import SeriesWindows, Window
from tests.support.oracle.wire import parse

_SECOND = 1_000_000
Place = tuple[int, int]
"""partition and offset"""


@dataclass(frozen=True)
class Logged:
    """One record as read from Kafka; `timestamp` in ms."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Told:
    """What a window was when it was told. `cause`: the record that made it be told."""

    fields: Mapping[str, Any]
    late: bool
    cause: Place


@dataclass(frozen=True)
class Raised:
    """One change of a condition.

    `evidence` is the record that it was seen in; `cause` the one that made it be told, a later one after a delay.
    """

    active: bool
    time_us: int
    value: Any
    evidence: Place
    cause: Place


@dataclass(frozen=True)
class Found:
    """One event that the product itself finds."""

    details: Mapping[str, Any]
    cause: Place


@dataclass
class Expected:
    """What must be found. A reading of many in one record has its part behind partition and offset."""

    clean: dict[tuple[int, int, str], Judged] = field(default_factory=dict)
    duplicates: dict[tuple[int, int, str], Judged] = field(default_factory=dict)
    refused: dict[Place, set[str]] = field(default_factory=dict)
    controls: set[Place] = field(default_factory=set)
    records: int = 0
    statuses: dict[Place, dict[str, Any]] = field(default_factory=dict)
    windows: dict[tuple[str, int, int, int], Told] = field(default_factory=dict)
    """series, size in s, start in µs, revision"""
    changes: dict[tuple[str, str, int], Raised] = field(default_factory=dict)
    """series, rule, number"""
    events: dict[tuple[str, str, int], Found] = field(default_factory=dict)
    """kind, asset or series, time"""


class Series:
    """One series of one partition."""

    def __init__(self, memory: SeriesMemory, windows: SeriesWindows, conditions: SeriesConditions) -> None:
        self.memory, self.windows, self.conditions = memory, windows, conditions


class Oracle:
    """Feed it all records of telemetry.raw, those of a partition in the order of its log; read `expected`."""

    def __init__(self, rules: Rules, declared: Mapping[int, list[str]]) -> None:
        """`declared`: per partition the series that the topology names."""
        self.expected = Expected()
        self.series: defaultdict[int, dict[str, Series]] = defaultdict(dict)
        self.clock: defaultdict[int, int] = defaultdict(int)
        self._rules = rules
        self._quality: defaultdict[int, Quality] = defaultdict(lambda: Quality(rules, self._event))
        self._here: Place = (0, 0)
        for partition, names in declared.items():
            for name in names:
                # silence of what never spoke counts as well
                if any(rule.kind == "no_data" for rule in rules.of(name).conditions):
                    self._series_of(partition, name)

    def feed(self, record: Logged) -> None:
        """Take the next record of its partition."""
        partition = record.partition
        self._here = here = partition, record.offset
        now = self.clock[partition] = max(self.clock[partition], record.timestamp * 1000)
        if record.key == b"ironstream.control":
            self.expected.controls.add(here)
            if json.loads(record.value or b"{}").get("kind") == "tick":
                for series in self.series[partition].values():
                    series.windows.tick(series.memory, now)
                    series.conditions.tick(series.memory, now)
            return
        self.expected.records += 1
        parsed = parse(record.value)
        if parsed.malformed:
            self._refuse("malformed")
        if parsed.status is not None:
            self.expected.statuses[here] = parsed.status
        for reading in parsed.readings:
            series = self._series_of(partition, reading.series)
            judged = self._quality[partition].judge(reading, series.memory, now)
            if judged.fate == "clean":
                self.expected.clean[*here, reading.part] = judged
            elif judged.fate == "duplicate":
                self.expected.duplicates[*here, reading.part] = judged
            else:
                self._refuse(judged.fate)
            if judged.counts:
                self._count(series, judged)

    def _refuse(self, reason: str) -> None:
        self.expected.refused.setdefault(self._here, set()).add(reason)

    def _series_of(self, partition: int, name: str) -> Series:
        known = self.series[partition].get(name)
        if known is None:
            conditions = SeriesConditions(
                self._rules.of(name).conditions,
                lambda state, time, value: self._changed(name, state, time, value),
            )
            windows = SeriesWindows(
                self._rules.sizes_of(name),
                lambda size, number, window: self._closed(name, conditions, size, number, window),
            )
            known = Series(SeriesMemory(name, self._rules.of(name)), windows, conditions)
            self.series[partition][name] = known
        return known

    def _count(self, series: Series, judged: Judged) -> None:
        memory = series.memory
        assert memory.newest is not None
        late_by = series.windows.take(judged, memory.newest)
        if late_by is not None:
            memory.tally.too_late += 1
            self._event("too_late", memory.name, judged.time, {"late_by_ms": late_by // 1000})
        if judged.before is None or judged.time >= judged.before:
            measured = CODES[judged.code] != "BAD"
            rate = rate_of(memory, judged) if measured else None
            memory.last_code = judged.code
            if measured:
                memory.measured = (judged.value, judged.time)
            series.conditions.reading(judged, rate)

    def _closed(self, name: str, conditions: SeriesConditions, size: Size, number: int, window: Window) -> None:
        start, end = number * size.size_s * _SECOND, (number + 1) * size.size_s * _SECOND
        self.expected.windows[name, size.size_s, start, window.revision] = Told(
            window.fields(end), window.late, self._here
        )
        conditions.average(size.size_s, end, window.average())

    def _changed(self, name: str, state: ConditionState, time: int, value: float) -> None:
        told = Raised(state.active, time, None if isnan(value) else value, self._here, self._here)
        self.expected.changes[name, state.rule.name, state.number] = told

    def _event(self, kind: str, of: str, time: int, details: Mapping[str, Any]) -> None:
        self.expected.events[kind, of, time] = Found(details, self._here)
