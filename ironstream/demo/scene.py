"""What has been seen of the running system so far. Pure: records and the time come in, nothing is read from a clock."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ironstream.contract import AlarmState, Topic
from ironstream.domain.times import to_us

if TYPE_CHECKING:
    from ironstream.query.store import LastValue

STALE_AFTER_S: Final = 5.0
_RATE_OVER_S: Final = 5.0
SIZES_S: Final = (1, 10)
BABBLER: Final = "flowmeter-1"
"""The asset that topology.yaml polls for more than it allows, to show what a babbling device meets."""
ASKED: Final = "pump-1"
"""The asset whose last values are asked of the stores."""
TOPICS: Final = (
    Topic.TELEMETRY_CLEAN,
    *(Topic.aggregates(size_s) for size_s in SIZES_S),
    Topic.EVENTS_CLEAN,
    Topic.ALARMS_CLEAN,
    Topic.DLQ_TELEMETRY,
    Topic.DLQ_EVENTS,
    Topic.DLQ_ALARMS,
    Topic.DLQ_SINKS,
    Topic.DLQ_OVERFLOW,
)


class Milestone(StrEnum):
    """What a demo has to show."""

    CLEAN = "clean values"
    OPC_UA = "OPC UA values"
    MQTT = "MQTT values"
    SECOND = "1 s aggregates"
    TEN_SECONDS = "10 s aggregates"
    GAP = "gap events"
    DEAD_LETTER = "dead letters with reason"
    ACTIVE = "alarm ACTIVE"
    ACKNOWLEDGED = "then ACKNOWLEDGED"
    CLEARED = "then CLEARED"
    DATABASE = "series asked of PostgreSQL"
    LAKE = "series asked of Parquet files"


@dataclass(slots=True)
class Seen:
    """When something was first seen (s after the set-up), and how often."""

    first_s: float
    count: int = 0


@dataclass(slots=True)
class Series:
    """Newest reading of a series and its newest windows. `read_us` is when the gateway read it."""

    asset: str
    parameter: str
    value: Any = None
    unit: str = ""
    quality: str = ""
    reasons: list[str] = field(default_factory=list)
    read_us: int = 0
    windows: dict[int, dict[str, Any]] = field(default_factory=dict)

    def age_s(self, now_us: int) -> float:
        """Seconds since it was read."""
        return max(0.0, (now_us - self.read_us) / 1e6)


@dataclass(slots=True)
class AlarmView:
    """An alarm with the states of its newest occurrence, in order, each with its time on the wire."""

    alarm_id: str
    occurrence_id: str
    asset: str
    type: str
    severity: str
    message: str = ""
    actor: str | None = None
    history: list[tuple[str, str]] = field(default_factory=list)

    @property
    def state(self) -> str:
        """The newest state."""
        return self.history[-1][0] if self.history else ""


@dataclass(frozen=True, slots=True)
class EventView:
    """The newest event of its kind, with its time on the wire, and how many there were."""

    time: str
    asset: str
    text: str
    count: int


@dataclass(slots=True)
class DeadLetters:
    """Dead letters of one reason. `on_purpose` of them are the surplus of `BABBLER`, which belongs to the scene."""

    count: int = 0
    on_purpose: int = 0
    detail: str = ""


class Scene:
    """All that the view and the summary show. `take` is given every record of `TOPICS` in the order it comes."""

    def __init__(self) -> None:
        self.series: dict[tuple[str, str], Series] = {}
        self.alarms: dict[str, AlarmView] = {}
        self.events: dict[tuple[str, str, str], EventView] = {}
        """The newest of each asset, parameter and type."""
        self.dead_letters: dict[str, DeadLetters] = {}
        self.milestones: dict[Milestone, Seen] = {}
        self.counts: Counter[str] = Counter()
        self.stored: dict[Milestone, list[LastValue]] = {}
        """Last values of one machine, as each store answered when it was asked last."""
        self.lag: int | None = None
        self.delay_s: float | None = None
        self._arrivals: deque[tuple[float, int]] = deque()

    @property
    def missing(self) -> list[Milestone]:
        """What has not been seen yet."""
        return [milestone for milestone in Milestone if milestone not in self.milestones]

    def take(self, topic: str, record: Any, at_s: float, now_us: int) -> None:
        """A record of `topic` (name without prefix), seen `at_s` after the set-up, when the clock showed `now_us`."""
        self.counts[topic] += 1
        if topic.startswith("dlq."):
            self._dead_letter(record, at_s)
            return
        value = _object(record.value)
        if value is None:
            return
        if topic == Topic.TELEMETRY_CLEAN:
            self._reading(value, record.timestamp, at_s, now_us)
        elif topic == Topic.EVENTS_CLEAN:
            self._event(value, at_s)
        elif topic == Topic.ALARMS_CLEAN:
            self._alarm(value, at_s)
        else:
            self._aggregate(value, at_s)

    def answered(self, store: Milestone, found: list[LastValue], at_s: float) -> None:
        """A store (`DATABASE` or `LAKE`) has told the last values of `ASKED`."""
        if found:
            self.stored[store] = found
            self.milestones.setdefault(store, Seen(at_s)).count = len(found)

    def readings_per_s(self, at_s: float) -> float:
        """Clean readings a second over the last seconds."""
        while self._arrivals and self._arrivals[0][0] < at_s - _RATE_OVER_S:
            self._arrivals.popleft()
        return sum(count for _, count in self._arrivals) / min(_RATE_OVER_S, max(at_s, 1.0))

    def _see(self, milestone: Milestone, at_s: float) -> None:
        self.milestones.setdefault(milestone, Seen(max(0.0, at_s))).count += 1

    def _of(self, value: dict[str, Any]) -> Series:
        key = (value["asset_id"], value["parameter"])
        return self.series.setdefault(key, Series(*key))

    def _reading(self, value: dict[str, Any], appended_ms: int, at_s: float, now_us: int) -> None:
        series = self._of(value)
        times = value.get("timestamps", {})
        read = times.get("gateway_time") or times.get("device_time")
        read_us = to_us(read) if read is not None else appended_ms * 1000
        self._arrivals.append((at_s, 1))
        self._see(Milestone.CLEAN, at_s)
        if series.asset in _BY_ASSET and value.get("value") is not None:
            self._see(_BY_ASSET[series.asset], at_s)
        delay_s = max(0.0, now_us / 1e6 - appended_ms / 1000)
        self.delay_s = delay_s if self.delay_s is None else 0.95 * self.delay_s + 0.05 * delay_s
        if read_us < series.read_us:
            return  # a late one must not displace a newer one
        series.value, series.read_us = value.get("value"), read_us
        series.unit = value.get("unit") or ""
        series.quality = value.get("quality") or ""
        series.reasons = value.get("quality_reasons") or []

    def _aggregate(self, value: dict[str, Any], at_s: float) -> None:
        size_s = value["size_s"]
        self._see(Milestone.SECOND if size_s == SIZES_S[0] else Milestone.TEN_SECONDS, at_s)
        windows = self._of(value).windows
        known = windows.get(size_s)
        if known is None or known["window_start"] <= value["window_start"]:
            windows[size_s] = {**value["aggregates"], "window_start": value["window_start"]}

    def _event(self, value: dict[str, Any], at_s: float) -> None:
        times = value.get("timestamps") or {}
        time = str(times.get("device_time") or times.get("kafka_time") or "")
        parameter, kind = value.get("parameter") or "", value["type"]
        what = [parameter] if parameter != kind else []
        what.append(kind)
        if value.get("to") is not None:
            what.append(f"→ {value['to']}")
        elif value.get("value") is not None:
            what.append(str(value["value"]))
        details = value.get("details") or {}
        shown = ("actual_gap_ms", "skew_ms", "max_readings_per_s")
        what += [f"{name} {details[name]}" for name in shown if name in details]
        known = self.events.get((value["asset_id"], parameter, kind))
        count = known.count + 1 if known is not None else 1
        event = EventView(time, value["asset_id"], " ".join(part for part in what if part), count)
        self.events[value["asset_id"], parameter, kind] = event
        if value["type"] == "gap":
            self._see(Milestone.GAP, at_s)

    def _alarm(self, value: dict[str, Any], at_s: float) -> None:
        alarm = self.alarms.get(value["alarm_id"])
        if alarm is None or alarm.occurrence_id != value["occurrence_id"]:
            alarm = AlarmView(
                value["alarm_id"], value["occurrence_id"], value["asset_id"], value["type"], value["severity"]
            )
            self.alarms.pop(alarm.alarm_id, None)  # the newest occurrence stands last
            self.alarms[alarm.alarm_id] = alarm
        alarm.severity, alarm.message = value["severity"], value["message"]
        alarm.actor = value.get("actor") or alarm.actor
        alarm.history.append((value["state"], value["time"]))
        states = [state for state, _ in alarm.history]
        # in this order and on one occurrence: an alarm that clears by itself has not been acknowledged
        for state, after, milestone in _PATH:
            if states[-1] == state and (after is None or after in states[:-1]):
                self._see(milestone, at_s)

    def _dead_letter(self, record: Any, at_s: float) -> None:
        headers = dict(record.headers)
        reason = headers.get("dlq-reason", b"").decode(errors="replace")
        letters = self.dead_letters.setdefault(reason or "unknown", DeadLetters())
        letters.count += 1
        asset = (record.key or b"").decode(errors="replace").rpartition("/")[2]
        letters.on_purpose += reason == "rate_limited" and asset == BABBLER
        letters.detail = headers.get("dlq-detail", b"").decode(errors="replace")
        if reason:
            self._see(Milestone.DEAD_LETTER, at_s)


_BY_ASSET: Final = {"boiler-1": Milestone.OPC_UA, "press-1": Milestone.MQTT}
"""What values of an asset of topology.yaml show: each is the only one that its protocol reads."""
_PATH: Final = (
    (AlarmState.ACTIVE, None, Milestone.ACTIVE),
    (AlarmState.ACKNOWLEDGED, AlarmState.ACTIVE, Milestone.ACKNOWLEDGED),
    (AlarmState.CLEARED, AlarmState.ACKNOWLEDGED, Milestone.CLEARED),
)


def _object(raw: bytes | None) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(raw or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return value if isinstance(value, dict) else None
