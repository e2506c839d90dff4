"""What becomes of each reading: clean, duplicate, or refused with its reason; and the events that this makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf, isfinite, isinf, isnan
from typing import Any, Final

from tests.support.oracle.rules import Rules, SeriesRule
from tests.support.oracle.wire import Reading

CODES: Final = ("GOOD", "SUSPECT", "UNCERTAIN", "BAD")
BAD: Final = 3
_SECOND: Final = 1_000_000
_SKEW_SUSPECT_US, _SKEW_EVENT_US = 5 * _SECOND, 10 * _SECOND
_FUTURE_US, _PAST_US = 3600 * _SECOND, 31 * 86_400 * _SECOND
_RUNS_KEPT, _TIMES_KEPT = 4, 128
_BELIEVED_AFTER: Final = 3


@dataclass
class Judged:
    """`fate` is clean, duplicate or the reason of the dead letter; `counts`: it has a place in windows and alarms."""

    reading: Reading
    time: int
    value: float
    unit: str | None
    """The one that is declared."""
    code: int = 0
    reasons: set[str] = field(default_factory=set)
    fate: str = "clean"
    counts: bool = False
    before: int | None = None
    """The newest time of the series before this one."""

    def worsen(self, code: int, reason: str) -> None:
        """Add a reason; the worst code wins."""
        self.code = max(self.code, code)
        self.reasons.add(reason)


@dataclass
class Tally:
    """Readings of a series so far, by what became of them; `surplus` are among the rejected."""

    clean: int = 0
    duplicates: int = 0
    rejected: int = 0
    surplus: int = 0
    too_late: int = 0


class SeriesMemory:
    """What is remembered of a series."""

    def __init__(self, name: str, rule: SeriesRule) -> None:
        self.name, self.rule = name, rule
        self.asset = name.rsplit("/", 1)[0]
        self.unit = rule.unit
        self.spoke = False
        self.runs: dict[str, set[int]] = {}
        self.run = ""
        self.times: list[int] = []
        self.newest: int | None = None
        self.heard: int | None = None
        self.last_append: int | None = None
        self.good: tuple[float, int] | None = None
        self.steps = 0
        self.held: tuple[float, int] | None = None
        self.measured: tuple[float, int] | None = None
        self.last_code = 0
        self.tally = Tally()


Tell = Callable[[str, str, int, dict[str, Any]], None]
"""kind, asset or series, time, details"""


class Quality:
    """Judges the readings of one partition in the order of its log; `tell` is called for each event."""

    def __init__(self, rules: Rules, tell: Tell) -> None:
        self._rules = rules
        self._tell = tell
        self._counted: dict[tuple[str, int], int] = {}
        self._told_at: dict[tuple[str, str], int] = {}

    def judge(self, reading: Reading, series: SeriesMemory, now: int) -> Judged:
        """`now` is the log's clock in µs."""
        time = reading.gateway if reading.device is None else reading.device
        assert time is not None
        judged = Judged(reading, time, reading.value, series.rule.unit)
        self._unit(judged, series)
        sent = reading.quality
        if sent in CODES:
            judged.code = max(judged.code, CODES.index(sent))
        elif sent is not None:
            judged.worsen(2, "device_quality")
        self._judge(judged, series, now)
        tally = series.tally
        tally.clean += judged.fate == "clean"
        tally.duplicates += judged.fate == "duplicate"
        tally.rejected += judged.fate not in ("clean", "duplicate")
        return judged

    def _unit(self, judged: Judged, series: SeriesMemory) -> None:
        unit = judged.reading.unit
        if series.rule.unit is None and not series.spoke:
            series.unit = unit
        series.spoke = True
        if series.unit is None or unit is None or unit == series.unit:
            return
        convert = series.rule.convert.get(unit)
        if convert is None:
            judged.worsen(2, "unit_mismatch")
        else:
            judged.value = convert(judged.value)

    def _judge(self, judged: Judged, series: SeriesMemory, now: int) -> None:
        reading, rule, time = judged.reading, series.rule, judged.time
        if reading.device is None:
            judged.worsen(2, "no_device_time")
        skew = (now if reading.gateway is None else reading.gateway) - time
        if skew < -_FUTURE_US or skew > _PAST_US:
            judged.worsen(BAD, "time_out_of_range")
            judged.fate = "time_out_of_range"
            return
        if reading.device is not None and reading.gateway is not None and abs(skew) > _SKEW_SUSPECT_US:
            judged.worsen(1, "clock_skew")
            if abs(skew) > _SKEW_EVENT_US:
                self._once_a_minute("clock_skew", series.asset, now, time, {"skew_ms": skew // 1000})
        if self._seen(series, reading, time):
            judged.fate = "duplicate"
            return
        surplus = self._surplus(series.asset, now, time)
        self._gap(series, time)
        sent_bad = judged.code == BAD
        if not isfinite(judged.value):
            judged.worsen(BAD, "not_a_number")
            if not (sent_bad and reading.is_null):
                judged.fate = "not_a_number"
        elif sent_bad:
            judged.fate = "device_quality"
        elif not rule.low <= judged.value <= rule.high:
            judged.worsen(BAD if rule.range_is_bad else 1, "range")
            if rule.range_is_bad:
                judged.fate = "range"
        if surplus:
            series.tally.surplus += judged.fate == "clean"
            judged.fate = "rate_limited" if judged.fate == "clean" else judged.fate
            return
        judged.counts, judged.before = True, series.newest
        if judged.code != BAD:
            self._step(judged, series)
            self._stuck(judged, series, now)
        series.newest = time if series.newest is None else max(series.newest, time)
        series.last_append = now

    def _seen(self, series: SeriesMemory, reading: Reading, time: int) -> bool:
        if reading.boot and 0 < reading.seq < 2**63:
            if reading.boot not in series.runs:
                series.runs[reading.boot] = set()
                while len(series.runs) > _RUNS_KEPT:
                    del series.runs[next(iter(series.runs))]
            known = reading.seq in series.runs[reading.boot]
            if not known:
                series.run = reading.boot
                series.runs[reading.boot].add(reading.seq)
            return known
        known = time in series.times
        if not known:
            series.times = [*series.times, time][-_TIMES_KEPT:]
        return known

    def _surplus(self, asset: str, now: int, time: int) -> bool:
        limit = self._rules.limits.get(asset)
        if not limit:
            return False
        second = asset, now // _SECOND
        self._counted[second] = self._counted.get(second, 0) + 1
        if self._counted[second] <= limit:
            return False
        self._once_a_minute("rate_limited", asset, now, time, {"max_readings_per_s": limit})
        return True

    def _once_a_minute(self, kind: str, asset: str, now: int, time: int, details: dict[str, Any]) -> None:
        last = self._told_at.get((kind, asset))
        if last is None or now - last >= 60 * _SECOND:
            self._told_at[kind, asset] = now
            self._tell(kind, asset, time, details)

    def _gap(self, series: SeriesMemory, time: int) -> None:
        interval, before = round(series.rule.interval_s * _SECOND), series.heard
        series.heard = time if before is None else max(before, time)
        if interval and before is not None and time - before > 2 * interval:
            actual = time - before
            details = {
                "expected_interval_ms": interval // 1000,
                "actual_gap_ms": actual // 1000,
                "missing_samples": actual // interval - 1,
            }
            self._tell("gap", series.name, time, details)

    def _step(self, judged: Judged, series: SeriesMemory) -> None:
        rule, value, time = series.rule, judged.value, judged.time
        if isinf(rule.max_rate) and isinf(rule.max_step):
            return
        if series.good is not None:
            elapsed, change = time - series.good[1], abs(value - series.good[0])
            too_fast = elapsed > 0 and change > rule.max_rate * (elapsed / _SECOND)
            if change > rule.max_step or too_fast:
                judged.worsen(1, "rate_of_change")
                series.steps = min(series.steps + 1, _BELIEVED_AFTER)
                if series.steps == _BELIEVED_AFTER and elapsed >= 0:
                    series.good, series.steps = (value, time), 0
                return
        series.steps = 0
        if judged.code == 0 and (series.good is None or time > series.good[1]):
            series.good = (value, time)

    def _stuck(self, judged: Judged, series: SeriesMemory, now: int) -> None:
        limit = round(series.rule.stuck_s * _SECOND)
        if not limit:
            return
        if series.held is None or series.held[0] != judged.value:
            series.held = (judged.value, now)
        if now - series.held[1] >= limit:
            judged.worsen(1, "stuck")


def rate_of(series: SeriesMemory, judged: Judged) -> float | None:
    """Size of the change per second against the measured value before it."""
    if series.measured is None or isnan(judged.value) or judged.time <= series.measured[1]:
        return None
    change = abs(judged.value - series.measured[0])
    return change / ((judged.time - series.measured[1]) / _SECOND) if change != inf else None
