"""What telemetry.raw must lead to, computed anew: plain Python, one record after the other, no code of the product.

It knows the rules of `plant`, and nothing of batches, crashes or commits.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from math import isclose, isnan, nan
from typing import Any, Final

from tests.support.faults.plant import FUTURE_US, GRACES, PAST_US, RANGES, RULES, SKEW_US, Rule, microseconds

_FINEST: Final = min(GRACES)


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
class Window:
    """One revision of one window. `cause`: partition and offset of the record that made it."""

    count: int
    average: float
    minimum: float
    maximum: float
    first: float
    last: float
    median: float
    qualities: tuple[int, int, int, int]
    cause: tuple[int, int]

    def agrees(self, other: Window) -> bool:
        """Equal, but for the last bits of what is summed up, and for the cause."""
        mine = (self.average, self.minimum, self.maximum, self.first, self.last, self.median)
        theirs = (other.average, other.minimum, other.maximum, other.first, other.last, other.median)
        return (
            self.count == other.count
            and self.qualities == other.qualities
            and all(
                (isnan(a) and isnan(b)) or isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
                for a, b in zip(mine, theirs, strict=True)
            )
        )


@dataclass(frozen=True)
class Raised:
    """One change of a condition."""

    active: bool
    time_us: int
    value: float
    cause: tuple[int, int]


@dataclass
class Expected:
    """What must be found. Records by (partition, offset) of telemetry.raw; windows and changes by their names."""

    clean: dict[tuple[int, int], tuple[str, Any]] = field(default_factory=dict)
    duplicates: set[tuple[int, int]] = field(default_factory=set)
    refused: dict[tuple[int, int], str] = field(default_factory=dict)
    controls: set[tuple[int, int]] = field(default_factory=set)
    windows: dict[tuple[str, int, int, int], Window] = field(default_factory=dict)
    """series, size in s, start in µs, revision"""
    changes: dict[tuple[str, str, int], Raised] = field(default_factory=dict)
    """series, rule, number"""


@dataclass
class _Open:
    rows: list[tuple[int, float, int]] = field(default_factory=list)
    revision: int = -1


@dataclass
class _Condition:
    active: bool = False
    since: int | None = None
    value: float = nan
    seen: int | None = None
    number: int = 0


class _Series:
    def __init__(self, name: str) -> None:
        self.name = name
        self.parameter = name.rsplit("/", 1)[1]
        self.rule: Rule | None = RULES.get(self.parameter)
        self.condition = _Condition()
        self.seen: set[tuple[str, int]] = set()
        self.newest: int | None = None
        self.heard: int | None = None
        self.open: dict[int, dict[int, _Open]] = {size: {} for size in GRACES}
        self.closed: dict[int, dict[int, _Open]] = {size: {} for size in GRACES}
        self.restate: dict[int, set[int]] = {size: set() for size in GRACES}
        self.silenced: dict[int, int] = {}
        """Size → windows below this number were closed by silence."""

    def reopen(self, size: int, number: int, rows: list[tuple[int, float, int]]) -> None:
        """Put readings into a window that has closed; the next tick restates it."""
        self.closed[size].setdefault(number, _Open()).rows.extend(rows)
        self.restate[size].add(number)


class Oracle:
    """Feed it all records of telemetry.raw, partition by partition in log order; read `expected`."""

    def __init__(self, declared: dict[int, list[str]]) -> None:
        """`declared`: per partition the series that the topology names."""
        self.expected = Expected()
        self._series: dict[int, dict[str, _Series]] = defaultdict(dict)
        self._clock: dict[int, int] = defaultdict(int)
        for partition, names in declared.items():
            for name in names:
                self._series[partition][name] = _Series(name)

    def feed(self, record: Logged) -> None:
        """Take the next record of its partition."""
        here = (record.partition, record.offset)
        clock = self._clock[record.partition] = max(self._clock[record.partition], record.timestamp * 1000)
        if record.key == b"ironstream.control":
            self.expected.controls.add(here)
            if json.loads(record.value or b"{}").get("kind") == "tick":
                for series in self._series[record.partition].values():
                    self._tick(series, clock, here)
            return
        reading = _reading(record.value)
        if reading is None:
            self.expected.refused[here] = "malformed"
            return
        name = "/".join(reading[part] for part in ("tenant_id", "site_id", "asset_id", "parameter"))
        series = self._series[record.partition].setdefault(name, _Series(name))
        device, gateway = (microseconds(reading["timestamps"][t]) for t in ("device_time", "gateway_time"))
        if gateway - device < -FUTURE_US or gateway - device > PAST_US:
            self.expected.refused[here] = "time_out_of_range"
            return
        run = (reading["metadata"]["boot"], reading["metadata"]["seq"])
        if run in series.seen:
            self.expected.duplicates.add(here)
            return
        series.seen.add(run)
        value, quality = reading["value"], 1 if abs(gateway - device) > SKEW_US else 0
        low, high = RANGES.get(series.parameter, (float("-inf"), float("inf")))
        if value is None or not low <= value <= high:
            quality = 3
        if value is not None and quality == 3:
            self.expected.refused[here] = "range"
        else:
            self.expected.clean[here] = (name, value)
        self._take(series, device, nan if value is None else value, quality, clock, here)

    def _take(self, series: _Series, time: int, value: float, quality: int, clock: int, here: tuple[int, int]) -> None:
        before, heard = series.newest, series.heard
        series.newest = time if before is None else max(before, time)
        series.heard = clock if heard is None else max(heard, clock)
        late = False
        for size, grace in GRACES.items():
            number = time // (size * 1_000_000)
            passed = before is not None and (number + 1) * size * 1_000_000 + grace <= before
            if passed or number < series.silenced.get(size, number):
                late = True
                series.reopen(size, number, [(time, value, quality)])
            elif late or size == _FINEST:
                series.open[size].setdefault(number, _Open()).rows.append((time, value, quality))
            if not late:
                break  # comes up to the larger sizes when its window of the finest has closed
        self._close(series, series.newest, here)
        if before is None or time >= before:
            self._newest(series, time, value, quality == 3, here)

    def _close(self, series: _Series, reached: int, here: tuple[int, int], *, silent: bool = False) -> None:
        for size, grace in GRACES.items():
            for number in sorted(series.open[size]):
                if (number + 1) * size * 1_000_000 + grace <= reached:
                    window = series.closed[size][number] = series.open[size].pop(number)
                    self._emit(series, size, number, here)
                    if silent:
                        series.silenced[size] = max(series.silenced.get(size, number + 1), number + 1)
                    for larger in (larger for larger in GRACES if larger > size):
                        above = number * size // larger
                        if above < series.silenced.get(larger, above):
                            series.reopen(larger, above, window.rows)
                        else:
                            series.open[larger].setdefault(above, _Open()).rows.extend(window.rows)

    def _emit(self, series: _Series, size: int, number: int, here: tuple[int, int]) -> None:
        window = series.closed[size][number]
        window.revision += 1
        start = number * size * 1_000_000
        made = _window(window.rows, here)
        self.expected.windows[series.name, size, start, window.revision] = made
        rule = series.rule
        end = start + size * 1_000_000
        state = series.condition
        if rule is None or rule.size_s != size or isnan(made.average) or (state.seen is not None and end < state.seen):
            return
        state.seen = end
        self._step(series, rule, made.average, end, here)

    def _tick(self, series: _Series, now: int, here: tuple[int, int]) -> None:
        for size in GRACES:
            for number in sorted(series.restate[size]):
                self._emit(series, size, number, here)
            series.restate[size].clear()
        rule, state = series.rule, series.condition
        if series.newest is not None and series.heard is not None:
            reached = series.newest + max(now - series.heard, 0)
            self._close(series, reached, here, silent=True)
        if rule is None or rule.size_s:
            return
        if rule.kind == "silence":
            if state.active:
                return
            if series.heard is None:
                series.heard = now
            elif now - series.heard > rule.silent_for:
                time = now if series.newest is None else series.newest + now - series.heard
                self._flip(series, rule, time, nan, here)
        elif state.since is not None and series.newest is not None and series.heard is not None:
            self._ripen(series, rule, series.newest + max(now - series.heard, 0), state.value, here)

    def _newest(self, series: _Series, time: int, value: float, bad: bool, here: tuple[int, int]) -> None:
        rule, state = series.rule, series.condition
        if rule is None or rule.size_s:
            return
        if rule.kind == "silence":
            if state.active:
                self._flip(series, rule, time, value, here)
        elif bad:
            state.since = None
        else:
            self._step(series, rule, value, time, here)

    def _step(self, series: _Series, rule: Rule, value: float, time: int, here: tuple[int, int]) -> None:
        state = series.condition
        if state.active:
            pending = rule.below + rule.deadband <= value <= rule.above - rule.deadband
        else:
            pending = value > rule.above or value < rule.below
        if not pending:
            state.since = None
            return
        if state.since is None:
            state.since, state.value = time, value
        self._ripen(series, rule, time, value, here)

    def _ripen(self, series: _Series, rule: Rule, time: int, value: float, here: tuple[int, int]) -> None:
        state = series.condition
        assert state.since is not None
        if time - state.since >= (rule.off_delay if state.active else rule.on_delay):
            self._flip(series, rule, time, value, here)

    def _flip(self, series: _Series, rule: Rule, time: int, value: float, here: tuple[int, int]) -> None:
        state = series.condition
        state.active, state.since, state.number = not state.active, None, state.number + 1
        self.expected.changes[series.name, rule.name, state.number] = Raised(state.active, time, value, here)


def _reading(value: bytes | None) -> dict[str, Any] | None:
    try:
        body = json.loads(value or b"")
    except ValueError:
        return None
    return body if isinstance(body, dict) and "metadata" in body else None


def _window(rows: list[tuple[int, float, int]], cause: tuple[int, int]) -> Window:
    qualities = tuple(sum(1 for row in rows if row[2] == code) for code in range(4))
    values = [value for _, value, code in sorted(rows) if code != 3]
    four = (qualities[0], qualities[1], qualities[2], qualities[3])
    if not values:
        return Window(0, nan, nan, nan, nan, nan, nan, four, cause)
    ordered = sorted(values)
    place = (len(values) - 1) / 2
    median = (ordered[int(place)] + ordered[-int(-place // 1) if place % 1 else int(place)]) / 2
    return Window(
        len(values), sum(values) / len(values), ordered[0], ordered[-1], values[0], values[-1], median, four, cause
    )
