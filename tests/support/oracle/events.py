"""All that events.raw must lead to: events.clean, dead letters, and the conditions of rules on events."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from tests.support.oracle.telemetry import Logged, Place, Raised
from tests.support.oracle.wire import NAME, Malformed, microseconds, strict_json

_SECOND = 1_000_000
_FUTURE_US, _PAST_US = 3600 * _SECOND, 31 * 86_400 * _SECOND
_TIMES_KEPT = 128


class Rule(Protocol):
    """An alarm rule on the events of one type: true in the state `to`, or after a change `since` → `to`."""

    @property
    def name(self) -> str: ...
    @property
    def event(self) -> str: ...
    @property
    def to(self) -> str: ...
    @property
    def since(self) -> str | None: ...
    @property
    def on_delay_s(self) -> float: ...
    @property
    def off_delay_s(self) -> float: ...


@dataclass(frozen=True)
class Clean:
    """An event as it must be on events.clean; `of` is tenant/site/asset/parameter (- for none)."""

    of: str
    type: str
    time: int
    before: Any
    to: Any
    value: Any
    cause: Place


@dataclass
class EventSeries:
    """Events of one type of one asset."""

    times: list[int] = field(default_factory=list)
    newest: int | None = None
    state: str | None = None


@dataclass
class _Condition:
    rule: Rule
    watermark: int
    anchor: int
    since: int
    evidence: Place
    state: str | None = None
    matching: bool = False
    raised: bool = False
    number: int = 0


class EventsOracle:
    """Feed it all records of events.raw in the order of each partition's log."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.clean: dict[str, Clean] = {}
        """By ironstream-id."""
        self.refused: dict[Place, str] = {}
        self.dropped = 0
        self.records = 0
        self.changes: dict[tuple[str, str, int], Raised] = {}
        """series, rule, number"""
        self.series: defaultdict[int, dict[str, EventSeries]] = defaultdict(dict)
        self._rules = tuple(rules)
        self._clock: defaultdict[int, int] = defaultdict(int)
        self._conditions: defaultdict[int, dict[tuple[str, str], _Condition]] = defaultdict(dict)

    def feed(self, record: Logged) -> None:
        """Take the next record of its partition."""
        here = record.partition, record.offset
        now = self._clock[record.partition] = max(self._clock[record.partition], record.timestamp * 1000)
        for (series, _), condition in self._conditions[record.partition].items():
            self._settle(series, condition, condition.watermark + max(now - condition.anchor, 0), here)
        if record.key == b"ironstream.control":
            return
        self.records += 1
        try:
            self._take(record, here, now)
        except Malformed:
            self.refused[here] = "malformed"

    def _take(self, record: Logged, here: Place, now: int) -> None:
        body = {name: one for name, one in strict_json(record.value).items() if one is not None}
        changes_only = "machine_id" in body and "asset_id" not in body
        if changes_only:
            body |= {"asset_id": body["machine_id"], "type": "status", "to": body["status"]}
            body["timestamps"] = {"device_time": body["ts"]}
        kind, stamps = body.get("type"), body.get("timestamps", {})
        names = [body.get("tenant_id", "default"), body.get("site_id", "default"), body.get("asset_id")]
        if "parameter" in body:
            names.append(body["parameter"])
        if not all(isinstance(name, str) and NAME.fullmatch(name) for name in names):
            raise Malformed("name")
        if not isinstance(kind, str) or not kind.strip() or len(kind) > 256 or not isinstance(stamps, dict):
            raise Malformed("type")
        device, gateway = microseconds(stamps.get("device_time")), microseconds(stamps.get("gateway_time"))
        time = gateway if device is None else device
        if time is None:
            raise Malformed("no time")
        read_at = now if device is None or gateway is None else gateway
        too_old = device is not None and gateway is not None and time < read_at - _PAST_US
        if time > read_at + _FUTURE_US or too_old:
            self.refused[here] = "time_out_of_range"
            return
        place = "/".join([*names[:3], body.get("parameter", "-")])
        self._event(place, kind, body, time, here, now, changes_only=changes_only)

    def _event(
        self, place: str, kind: str, body: dict[str, Any], time: int, here: Place, now: int, *, changes_only: bool
    ) -> None:
        name = f"{place}/{quote(kind, safe='')}"
        series = self.series[here[0]].setdefault(name, EventSeries())
        if time in series.times:
            self.dropped += 1
            return
        newest = series.newest is None or time >= series.newest
        known = series.state
        state = state_text(body.get("to", body.get("value")))
        before = state_text(body["from"]) if "from" in body else known if newest else None
        told = body.get("from")
        if changes_only and before is not None:
            told = before
        series.times = [*series.times, time][-_TIMES_KEPT:]
        if newest:
            series.newest, series.state = time, state
        if changes_only and len(series.times) > 1 and state == known:
            self.dropped += 1
        else:
            clean = Clean(place, kind, time, told, body.get("to"), body.get("value"), here)
            self.clean[f"{quote(kind, safe='')}/{place}/{time}"] = clean
        for rule in self._rules:
            if rule.event == kind:
                self._judge(rule, place, time, state, before, here, now, newest=newest)

    def _judge(
        self, rule: Rule, place: str, time: int, state: str | None, before: str | None, here: Place, now: int,
        *, newest: bool,
    ) -> None:  # fmt: skip
        conditions = self._conditions[here[0]]
        condition = conditions.get((place, rule.name))
        if condition is None:
            if not newest or not _matches(rule, state, before, held=False):
                return
            condition = conditions[place, rule.name] = _Condition(rule, time, now, time, here)
        elif time < condition.watermark:
            condition.anchor = now
            return
        self._settle(place, condition, time, here)
        condition.watermark, condition.anchor = time, now
        matching = _matches(rule, state, before, held=condition.matching)
        if matching != condition.matching:
            condition.matching, condition.since, condition.evidence, condition.state = matching, time, here, state
        self._settle(place, condition, time, here)

    def _settle(self, place: str, condition: _Condition, clock: int, here: Place) -> None:
        """Tell of a change whose delay is over; the record at `here` says how late it is."""
        if condition.matching == condition.raised:
            return
        rule = condition.rule
        delay = rule.on_delay_s if condition.matching else rule.off_delay_s
        at = condition.since + round(delay * _SECOND)
        if clock >= at:
            condition.raised, condition.number = condition.matching, condition.number + 1
            told = Raised(condition.raised, at, condition.state, condition.evidence, here)
            self.changes[place, rule.name, condition.number] = told


def _matches(rule: Rule, state: str | None, before: str | None, *, held: bool) -> bool:
    if state != rule.to:
        return False
    return rule.since is None or held or before == rule.since


def state_text(value: Any) -> str | None:
    """A state as rules write it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
