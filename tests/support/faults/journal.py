"""What alarms.raw must lead to on alarms.clean and audit_trail: the alarm lifecycle anew, in plain Python."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Final

from tests.support.oracle.telemetry import Logged, Place
from tests.support.oracle.wire import Malformed, microseconds, strict_json

_LONGEST_MS: Final = 30 * 86_400_000
_SEVERITIES: Final = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO")


class Impossible(Exception):
    """The command makes no sense for the alarm as it is."""


@dataclass
class Alarm:
    """An alarm with its latest occurrence. `shelf` is its own: until when (ms), and whether clearing ends it."""

    name: str
    asset: str
    state: str = "CLEARED"
    occurrence: int = 0
    transition: int = 0
    condition: bool = False
    latched: bool = False
    shelf: tuple[int, bool] | None = None


@dataclass(frozen=True)
class Entry:
    """One entry of the journal of one alarm; `occurrence` counts from 1, `time` in µs, `cause` is in alarms.raw."""

    occurrence: int
    transition: int
    previous: str | None
    state: str
    time: int
    cause: Place


@dataclass
class _Partition:
    clock_ms: int = 0
    alarms: dict[str, Alarm] = field(default_factory=dict)
    suppressed: dict[str, int] = field(default_factory=dict)
    """Asset → until when (ms)."""
    numbers: dict[tuple[str, str, str], int] = field(default_factory=dict)
    commands: set[str] = field(default_factory=set)


class Journal:
    """Feed it all records of alarms.raw in log order per partition; read `entries`, `outcomes` and `refused`."""

    def __init__(self) -> None:
        self.entries: defaultdict[str, list[Entry]] = defaultdict(list)
        self.outcomes: dict[Place, tuple[str, int]] = {}
        """Of each command: the outcome, and how many entries it made."""
        self.refused: set[Place] = set()
        self.repeats = 0
        self.partitions: defaultdict[int, _Partition] = defaultdict(_Partition)
        self._here: Place = (0, 0)
        self._made = 0

    def feed(self, record: Logged) -> None:
        """Take the next record of its partition."""
        at = self.partitions[record.partition]
        at.clock_ms = max(at.clock_ms, record.timestamp)
        self._here = record.partition, record.offset
        self._expire(at)
        if record.key == b"ironstream.control":
            return
        try:
            body = {name: one for name, one in strict_json(record.value).items() if one is not None}
            take = {"condition": self._condition, "command": self._command, "alarm": self._external}
            if body.get("kind", "alarm") not in take:
                raise Malformed("kind")
            take[body.get("kind", "alarm")](at, body)
        except Malformed:
            self.refused.add(self._here)

    # -- conditions and alarms ------------------------------------------------------------------------------------

    def _condition(self, at: _Partition, body: dict[str, Any]) -> None:
        parameter = body.get("parameter", "-")
        series = _asset(body), parameter, body["rule_id"]
        if body["number"] <= at.numbers.get(series, 0):
            self.repeats += 1
            return
        at.numbers[series] = body["number"]
        self._signal(at, body, f"rule:{body['rule_id']}", microseconds(body["time"]))

    def _external(self, at: _Partition, body: dict[str, Any]) -> None:
        wanted = all(isinstance(body.get(name), str) for name in ("asset_id", "type", "state"))
        if not wanted or body["state"] not in ("ACTIVE", "CLEARED") or body.get("severity", "LOW") not in _SEVERITIES:
            raise Malformed("alarm")
        adapter = body.get("metadata", {}).get("adapter_id")
        time = microseconds(body.get("timestamps", {}).get("device_time"))
        self._signal(at, body, f"adapter:{adapter}" if adapter else "external", time)

    def _signal(self, at: _Partition, body: dict[str, Any], source: str, time: int | None) -> None:
        asset = _asset(body)
        name = f"{asset}/{body['type']}/{source}/{body.get('parameter', '-')}"
        time = at.clock_ms * 1000 if time is None else time
        alarm = at.alarms.get(name)
        if body["state"] == "ACTIVE":
            alarm = at.alarms.setdefault(name, Alarm(name, asset))
            alarm.condition, alarm.latched = True, body.get("latched", False)
            if alarm.state == "CLEARED":
                alarm.occurrence, alarm.transition, alarm.shelf = alarm.occurrence + 1, 0, None
                self._move(alarm, "SUPPRESSED" if asset in at.suppressed else "ACTIVE", time, first=True)
            elif alarm.state == "CLEARED_UNACKED":
                self._move(alarm, "ACTIVE", time)
        elif alarm is not None and alarm.condition:
            alarm.condition = False
            if alarm.state != "SUPPRESSED":
                stays = alarm.state == "ACTIVE" and alarm.latched
                self._move(alarm, "CLEARED_UNACKED" if stays else "CLEARED", time)
            elif alarm.shelf is not None and alarm.shelf[1]:
                alarm.shelf = None
                if asset not in at.suppressed:
                    self._move(alarm, "CLEARED", time)

    def _expire(self, at: _Partition) -> None:
        """End the shelves and suppressions that are over by the log's clock, in the order of their ends."""
        while True:
            due = [(alarm.shelf[0], "alarm", name) for name, alarm in at.alarms.items() if alarm.shelf]
            due += [(until, "asset", asset) for asset, until in at.suppressed.items()]
            if not due or min(due)[0] > at.clock_ms:
                return
            until_ms, kind, name = min(due)
            if kind == "asset":
                del at.suppressed[name]
                held = [one for one in at.alarms.values() if one.asset == name and _held_by_asset(one)]
            else:
                held = [at.alarms[name]]
                held[0].shelf = None
                if held[0].asset in at.suppressed:
                    continue  # the suppression of its asset holds it on
            for alarm in held:
                self._release(alarm, until_ms * 1000)

    def _release(self, alarm: Alarm, time: int) -> None:
        alarm.shelf = None
        self._move(alarm, "ACTIVE" if alarm.condition else "CLEARED", time)

    def _move(self, alarm: Alarm, state: str, time: int, *, first: bool = False) -> None:
        alarm.transition += 1
        self._made += 1
        before = None if first else alarm.state
        self.entries[alarm.name].append(Entry(alarm.occurrence, alarm.transition, before, state, time, self._here))
        alarm.state = state

    # -- commands -------------------------------------------------------------------------------------------------

    def _command(self, at: _Partition, body: dict[str, Any]) -> None:
        if not all(isinstance(body.get(name), str) for name in ("command_id", "command", "actor")):
            raise Malformed("command")
        self._made = 0
        if body["command_id"] in at.commands:
            outcome = "repeated"
        else:
            at.commands.add(body["command_id"])
            try:
                self._obey(at, body)
                outcome = "accepted"
            except Impossible:
                outcome = "rejected"
        self.outcomes[self._here] = outcome, self._made

    def _obey(self, at: _Partition, body: dict[str, Any]) -> None:
        command, now = body["command"], at.clock_ms * 1000
        if "alarm_id" not in body:
            self._obey_for_asset(at, body)
            return
        alarm = at.alarms.get(body["alarm_id"])
        if alarm is None:
            raise Impossible("not known")
        if command == "ack":
            after = {"ACTIVE": "ACKNOWLEDGED", "CLEARED_UNACKED": "CLEARED"}.get(alarm.state)
            if after is None:
                raise Impossible("nothing to acknowledge")
            self._move(alarm, after, now)
        elif command == "comment":
            _require(body, "comment")
            self._move(alarm, alarm.state, now)
        elif command in ("shelve", "suppress"):
            _require(body, *(("reason", "comment") if command == "shelve" else ()))
            shelf = _until(at, body), command == "shelve" and "until" not in body
            if alarm.state == "CLEARED":
                raise Impossible("nothing to shelve")
            alarm.shelf = shelf
            self._move(alarm, "SUPPRESSED", now)
        elif command == "unshelve":
            if alarm.state != "SUPPRESSED" or alarm.asset in at.suppressed:
                raise Impossible("not shelved, or held by its asset")
            self._release(alarm, now)
        else:
            raise Impossible("no command")

    def _obey_for_asset(self, at: _Partition, body: dict[str, Any]) -> None:
        asset, now = _asset(body), at.clock_ms * 1000
        alarms = [alarm for alarm in at.alarms.values() if alarm.asset == asset]
        if body["command"] == "suppress":
            until, before = _until(at, body), at.suppressed.get(asset, 0)
            at.suppressed[asset] = until
            for alarm in alarms:
                own = alarm.shelf[0] if alarm.shelf else 0
                unchanged = alarm.state == "SUPPRESSED" and max(own, until) == max(own, before)
                if alarm.state != "CLEARED" and not unchanged:
                    self._move(alarm, "SUPPRESSED", now)
        elif body["command"] == "unshelve" and asset in at.suppressed:
            del at.suppressed[asset]
            for alarm in alarms:
                if _held_by_asset(alarm):
                    self._release(alarm, now)
        else:
            raise Impossible("not for an asset, or it is not suppressed")


def _asset(body: dict[str, Any]) -> str:
    return f"{body.get('tenant_id', 'default')}/{body.get('site_id', 'default')}/{body.get('asset_id')}"


def _held_by_asset(alarm: Alarm) -> bool:
    return alarm.state == "SUPPRESSED" and alarm.shelf is None


def _require(body: dict[str, Any], *names: str) -> None:
    if any(not body.get(name) for name in names):
        raise Impossible("needs more")


def _until(at: _Partition, body: dict[str, Any]) -> int:
    if "until" not in body:
        return at.clock_ms + _LONGEST_MS
    until = ceil((microseconds(body["until"]) or 0) / 1000)
    if not at.clock_ms < until <= at.clock_ms + _LONGEST_MS:
        raise Impossible("until is over, or too far")
    return until
