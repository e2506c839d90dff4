"""What the telemetry agent must make of a log, one record at a time, slowly and plainly.

Shares no code with the product. `rules` is a plain dict: `windows` [(size_s, grace_s, late_retention_s)], `limits`
{asset: readings per second}, and `series` {(asset, parameter): {min, max, range_is_bad, max_rate, max_step, stuck_s,
interval_s, windows, convert {unit: function}, conditions [{id, kind, low, high, deadband, for_s, on_delay_s,
off_delay_s}]}}; whatever is absent is not checked. Records of one tenant and site only.
"""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ORDER = ("GOOD", "SUSPECT", "UNCERTAIN", "BAD")
Series = tuple[str, str]
Measure = Callable[[float], float]


def us_of(text: str | None) -> int | None:
    return None if text is None else (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


@dataclass
class Window:
    """All readings of one window, as (time, value or None, code)."""

    rows: list[tuple[int, float | None, str]] = field(default_factory=list)
    late: bool = False

    def measured(self) -> list[tuple[int, float]]:
        return sorted((time, value) for time, value, code in self.rows if code != "BAD" and value is not None)

    def fields(self, end: int) -> dict[str, Any]:
        rows = self.measured()
        codes = [code for _, _, code in self.rows]
        summary: dict[str, float] = {f"{name.lower()}_samples": codes.count(name) for name in ORDER}
        summary["pct_good"] = round(100 * codes.count("GOOD") / len(codes), 2)
        if not rows:
            return {"count": 0, "quality_summary": summary}
        values = [value for _, value in rows]
        bounds = [time for time, _ in rows] + [end]
        held = sum(value * (after - time) for (time, value), after in zip(rows, bounds[1:], strict=True))
        return {
            "count": len(values),
            "avg": statistics.fmean(values),
            "min": min(values),
            "max": max(values),
            "stddev": statistics.pstdev(values),
            "first": values[0],
            "last": values[-1],
            "time_weighted_avg": held / (end - rows[0][0]),
            "sorted": sorted(values),
            "quality_summary": summary,
        }


def percentile(ordered: list[float], q: float) -> float:
    place = q * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


class SeriesMemory:
    def __init__(self) -> None:
        self.seqs: dict[str, set[int]] = defaultdict(set)
        self.times: list[int] = []
        self.watermark: int | None = None
        self.heard: int | None = None
        self.last_append: int | None = None
        self.good: tuple[float, int] | None = None
        self.steps = 0
        self.held: tuple[float, int] | None = None
        self.measured: tuple[float, int] | None = None
        self.closed_by_silence: int | None = None


class ConditionMemory:
    def __init__(self) -> None:
        self.active = False
        self.since: int | None = None
        self.number = 0


class Oracle:
    """`fates` by offset: (clean | duplicate | dlq, code, reasons, value); `windows`, `events`, `changes` as named."""

    def __init__(self, rules: dict[str, Any]) -> None:
        self.rules = rules
        self.fates: dict[int, tuple[str, str, frozenset[str], float | None]] = {}
        self.windows: dict[tuple[Series, int, int], Window] = defaultdict(Window)
        self.events: list[tuple[str, str, str | None, int]] = []
        self.changes: list[tuple[str, Series, int, bool, int]] = []
        self._memory: dict[Series, SeriesMemory] = defaultdict(SeriesMemory)
        self._conditions: dict[tuple[Series, str], ConditionMemory] = defaultdict(ConditionMemory)
        self._counted: dict[tuple[str, int], int] = defaultdict(int)
        self._event_at: dict[tuple[str, str], int] = {}
        self._clock = -(10**18)
        # silence of what is declared counts from the first tick
        for series, rule in rules["series"].items():
            if any(one["kind"] == "no_data" for one in rule.get("conditions", ())):
                self._memory[series] = SeriesMemory()

    # -- the log -----------------------------------------------------------------------------------------------

    def tick(self, timestamp_ms: int) -> None:
        now = self._clock = max(self._clock, timestamp_ms * 1000)
        for series, memory in list(self._memory.items()):
            if memory.last_append is not None and memory.watermark is not None:
                self._close_silent(series, memory, memory.watermark + max(now - memory.last_append, 0))
            for rule in self._of(series).get("conditions", ()):
                self._condition_tick(series, memory, rule, now)

    def take(self, offset: int, timestamp_ms: int, value: bytes) -> None:
        self._clock = max(self._clock, timestamp_ms * 1000)
        body = self._parsed(value)
        if body is None:
            self.fates[offset] = ("dlq", "BAD", frozenset(["malformed"]), None)
            return
        self._reading(offset, self._clock, body)

    def _parsed(self, value: bytes) -> dict[str, Any] | None:
        try:
            body = json.loads(value)
        except ValueError:
            return None
        if not isinstance(body, dict) or not isinstance(body.get("parameter"), str):
            return None
        number = body.get("value", "")
        return body if number is None or isinstance(number, bool | int | float) else None

    def _of(self, series: Series) -> dict[str, Any]:
        rule: dict[str, Any] = self.rules["series"].get(series, {})
        return rule

    # -- quality -----------------------------------------------------------------------------------------------

    def _reading(self, offset: int, now: int, body: dict[str, Any]) -> None:
        series = (body["asset_id"], body["parameter"])
        memory, rule = self._memory[series], self._of(series)
        code, reasons = body.get("quality", "GOOD"), set()
        sent_bad = code == "BAD"
        raw = body["value"]
        value = None if raw is None else float(raw)
        convert = rule.get("convert", {}).get(body.get("unit"))
        if value is not None and convert is not None:
            value = convert(value)

        def worsen(to: str, reason: str) -> None:
            nonlocal code
            code = max(code, to, key=ORDER.index)
            reasons.add(reason)

        stamps = body["timestamps"]
        device, gateway = us_of(stamps.get("device_time")), us_of(stamps.get("gateway_time"))
        time = device if device is not None else gateway
        assert time is not None
        if device is None:
            worsen("UNCERTAIN", "no_device_time")
        skew = (gateway if gateway is not None else now) - time
        if skew < -3600_000_000 or skew > 31 * 86400_000_000:
            self.fates[offset] = ("dlq", "BAD", frozenset(["time_out_of_range"]), value)
            return
        if device is not None and gateway is not None and abs(skew) > 5_000_000:
            worsen("SUSPECT", "clock_skew")
            if abs(skew) > 10_000_000:
                self._once_a_minute("clock_skew", series[0], now, time)
        if self._seen(memory, body.get("metadata", {}), time):
            self.fates[offset] = ("duplicate", code, frozenset(), value)
            return
        surplus = self._surplus(series[0], now, time)
        self._gap(series, rule, memory.heard, time)
        memory.heard = time if memory.heard is None else max(memory.heard, time)
        refused = ""
        if value is None or not math.isfinite(value):
            worsen("BAD", "not_a_number")
            refused = "" if sent_bad and raw is None else "not_a_number"
        elif sent_bad:
            refused = "device_quality"
        elif value < rule.get("min", -math.inf) or value > rule.get("max", math.inf):
            if rule.get("range_is_bad", True):
                worsen("BAD", refused := "range")
            else:
                worsen("SUSPECT", "range")
        if surplus:
            self.fates[offset] = ("dlq", "BAD", frozenset([refused or "rate_limited"]), value)
            return
        before = memory.watermark
        if code != "BAD":
            assert value is not None
            self._step(memory, rule, value, time, code, worsen)
            self._stuck(memory, rule, value, now, worsen)
        memory.watermark = time if before is None else max(before, time)
        memory.last_append = now
        self.fates[offset] = ("dlq", "BAD", frozenset([refused]), value) if refused else (
            "clean", code, frozenset(reasons), value)  # fmt: skip
        self._into_windows(series, rule, memory, before, time, value, code)
        if before is None or time >= before:
            self._evaluate(series, memory, rule, time, value, code)

    def _seen(self, memory: SeriesMemory, metadata: dict[str, Any], time: int) -> bool:
        boot, seq = metadata.get("boot"), metadata.get("seq", 0)
        if boot and seq > 0:
            if seq in memory.seqs[boot]:
                return True
            memory.seqs[boot].add(seq)
            return False
        if time in memory.times:
            return True
        memory.times = [*memory.times, time][-128:]
        return False

    def _surplus(self, asset: str, now: int, time: int) -> bool:
        limit = self.rules.get("limits", {}).get(asset)
        if not limit:
            return False
        self._counted[asset, now // 1_000_000] += 1
        if self._counted[asset, now // 1_000_000] <= limit:
            return False
        self._once_a_minute("rate_limited", asset, now, time)
        return True

    def _once_a_minute(self, kind: str, asset: str, now: int, time: int) -> None:
        last = self._event_at.get((kind, asset))
        if last is None or now - last >= 60_000_000:
            self._event_at[kind, asset] = now
            self.events.append((kind, asset, None, time))

    def _gap(self, series: Series, rule: dict[str, Any], before: int | None, time: int) -> None:
        interval = rule.get("interval_s", 0) * 1_000_000
        if interval and before is not None and time - before > 2 * interval:
            self.events.append(("gap", *series, time))

    def _step(
        self, memory: SeriesMemory, rule: dict[str, Any], value: float, time: int, code: str, worsen: Any
    ) -> None:
        max_rate, max_step = rule.get("max_rate", math.inf), rule.get("max_step", math.inf)
        if math.isinf(max_rate) and math.isinf(max_step):
            return
        if memory.good is not None:
            good, at = memory.good
            elapsed, change = time - at, abs(value - good)
            if change > max_step or (elapsed > 0 and change > max_rate * (elapsed / 1e6)):
                worsen("SUSPECT", "rate_of_change")
                memory.steps += 1
                if memory.steps >= 3 and elapsed >= 0:
                    # the third in a row is believed
                    memory.good, memory.steps = (value, time), 0
                return
        memory.steps = 0
        if code == "GOOD" and (memory.good is None or time > memory.good[1]):
            memory.good = (value, time)

    def _stuck(self, memory: SeriesMemory, rule: dict[str, Any], value: float, now: int, worsen: Any) -> None:
        if memory.held is None or memory.held[0] != value:
            memory.held = (value, now)
        if rule.get("stuck_s") and now - memory.held[1] >= rule["stuck_s"] * 1_000_000:
            worsen("SUSPECT", "stuck")

    # -- windows -----------------------------------------------------------------------------------------------

    def _sizes(self, rule: dict[str, Any]) -> list[tuple[int, int, int]]:
        return [
            (size * 1_000_000, grace * 1_000_000, late * 1_000_000)
            for size, grace, late in self.rules["windows"]
            if size in rule.get("windows", [size])
        ]

    def _into_windows(
        self,
        series: Series,
        rule: dict[str, Any],
        memory: SeriesMemory,
        before: int | None,
        time: int,
        value: float | None,
        code: str,
    ) -> None:
        too_late = late = False
        for at, (size, grace, retention) in enumerate(self._sizes(rule)):
            number = time // size
            end = (number + 1) * size
            if at == 0:
                silent = memory.closed_by_silence is not None and number <= memory.closed_by_silence
                late = silent or (before is not None and end + grace <= before)
            if before is not None and before - end > retention:
                too_late = True
                continue
            window = self.windows[series, size, number]
            window.rows.append((time, value, code))
            window.late |= late
        if too_late:
            self.events.append(("too_late", *series, time))

    def _close_silent(self, series: Series, memory: SeriesMemory, reached: int) -> None:
        sizes = self._sizes(self._of(series))
        if not sizes:
            return
        size, grace, _ = sizes[0]
        done = [n for s, z, n in self.windows if s == series and z == size and (n + 1) * size + grace <= reached]
        assert memory.watermark is not None
        # what the watermark itself had closed is late anyway
        done = [n for n in done if (n + 1) * size + grace > memory.watermark]
        if done:
            memory.closed_by_silence = max([*done, memory.closed_by_silence or 0])

    # -- conditions --------------------------------------------------------------------------------------------

    def _evaluate(
        self,
        series: Series,
        memory: SeriesMemory,
        rule: dict[str, Any],
        time: int,
        value: float | None,
        code: str,
    ) -> None:
        rate = math.nan
        if code != "BAD":
            assert value is not None
            if memory.measured is not None and time > memory.measured[1]:
                rate = abs(value - memory.measured[0]) / ((time - memory.measured[1]) / 1e6)
            memory.measured = (value, time)
        for one in rule.get("conditions", ()):
            state = self._conditions[series, one["id"]]
            if one["kind"] == "no_data":
                if state.active:
                    self._flip(series, one, time)
                continue
            on, off = _holds(one, rate if one["kind"] == "rate_of_change" else value, code)
            if not (off if state.active else on):
                state.since = None
                continue
            if state.since is None:
                state.since = time
            if time - state.since >= _delay(one, active=state.active):
                self._flip(series, one, time)

    def _condition_tick(self, series: Series, memory: SeriesMemory, rule: dict[str, Any], now: int) -> None:
        state = self._conditions[series, rule["id"]]
        if rule["kind"] == "no_data":
            if memory.last_append is None:
                memory.last_append = now
                return
            silent = now - memory.last_append
            if not state.active and silent > (rule["for_s"] + rule.get("on_delay_s", 0)) * 1_000_000:
                self._flip(series, rule, now if memory.watermark is None else memory.watermark + silent)
        elif state.since is not None and memory.watermark is not None and memory.last_append is not None:
            time = memory.watermark + max(now - memory.last_append, 0)
            if time - state.since >= _delay(rule, active=state.active):
                self._flip(series, rule, time)

    def _flip(self, series: Series, rule: dict[str, Any], time: int) -> None:
        state = self._conditions[series, rule["id"]]
        state.active, state.since, state.number = not state.active, None, state.number + 1
        self.changes.append((rule["id"], series, state.number, state.active, time))


def _delay(rule: dict[str, Any], *, active: bool) -> int:
    seconds = rule.get("off_delay_s", 0) if active else rule.get("on_delay_s", 0) + rule.get("for_s", 0)
    return int(seconds * 1_000_000)


def _holds(rule: dict[str, Any], value: float | None, code: str) -> tuple[bool, bool]:
    """Whether a condition is on, and whether it is over."""
    if rule["kind"] == "quality":
        return code == "BAD", code != "BAD"
    if code == "BAD" or value is None or math.isnan(value):
        return False, False
    low, high, band = rule.get("low", -math.inf), rule.get("high", math.inf), rule.get("deadband", 0)
    if rule["kind"] == "inside":
        return low <= value <= high, value < low - band or value > high + band
    return value < low or value > high, low + band <= value <= high - band
