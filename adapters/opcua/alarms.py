"""Events of alarms and conditions (Part 9) to alarms of ours. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from asyncua import ua

from adapters.opcua.alarm_config import AlarmSource, SeverityMap
from adapters.opcua.node_ids import node_id
from adapters.opcua.nodes import as_name
from adapters.opcua.wire import Node
from ironstream.contract import Severity
from ironstream.gateway.adapter import DeviceAlarm, Point, Sample
from ironstream.gateway.envelope import iso

_BASE: Final = ua.ObjectIds.BaseEventType
_CONDITION: Final = ua.ObjectIds.ConditionType
_ALARM: Final = ua.ObjectIds.AlarmConditionType
_FIELDS: Final = (
    (_BASE, ("EventType",)),
    (_BASE, ("SourceName",)),
    (_BASE, ("Time",)),
    (_BASE, ("Message",)),
    (_BASE, ("Severity",)),
    (_CONDITION, ("ConditionName",)),
    (_CONDITION, ("Retain",)),
    (_CONDITION, ("BranchId",)),
    (_CONDITION, ("EnabledState", "Id")),
    (_ALARM, ("ActiveState", "Id")),
    (_CONDITION, ()),  # the condition's own node id
)
_REFRESH_START: Final = Node(0, int(ua.ObjectIds.RefreshStartEventType))
_REFRESH_END: Final = Node(0, int(ua.ObjectIds.RefreshEndEventType))
_REFRESH_REQUIRED: Final = Node(0, int(ua.ObjectIds.RefreshRequiredEventType))
_NO_NODE: Final = Node(0, 0)


@dataclass(slots=True)
class Outcome:
    """What an event led to. `refresh`: the server asks us to ask for all conditions."""

    alarms: list[DeviceAlarm] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    refresh: bool = False


def event_filter() -> ua.EventFilter:
    """Asks for the fields that `Conditions.take` reads; every event comes, for few servers filter well."""
    selected = ua.EventFilter()
    for type_id, path in _FIELDS:
        operand = ua.SimpleAttributeOperand()
        operand.TypeDefinitionId = node_id(type_id)
        operand.BrowsePath = [ua.QualifiedName(name) for name in path]
        operand.AttributeId = ua.AttributeIds.Value if path else ua.AttributeIds.NodeId
        selected.SelectClauses.append(operand)
    return selected


class Conditions:
    """The conditions of one notifier, as far as they were told. Outlives connections, to tell what ended meanwhile."""

    def __init__(self, source: AlarmSource) -> None:
        self._source = source
        self._told: dict[object, DeviceAlarm] = {}
        self._refreshed: set[object] | None = None
        self.event_point = None
        if source.events is not None:
            self.event_point = Point(source.events, is_event=True, asset_id=source.asset)

    def take(self, fields: Sequence[Any], now_us: int) -> Outcome:
        """One event that came at `now_us`; a field that the event does not have, or of a wrong type, counts as None."""
        outcome = Outcome()
        if len(fields) < len(_FIELDS):
            return outcome
        type_, name, time_us, message, severity, condition, retain, branch, enabled, active, node = fields
        if type_ == _REFRESH_START:
            self._refreshed = set()
        elif type_ == _REFRESH_END:
            outcome.alarms += self._ended(now_us)
        elif type_ == _REFRESH_REQUIRED:
            outcome.refresh = True
        elif (isinstance(node, Node) and node != _NO_NODE and node.identifier) or isinstance(condition, str):
            if isinstance(branch, Node) and branch != _NO_NODE:
                # an earlier state that still wants to be acknowledged: not what is the case now
                return outcome
            alarm = DeviceAlarm(
                type=_text(condition) or _kind(type_),
                active=enabled is not False and (bool(active) if active is not None else bool(retain)),
                gateway_time_us=now_us,
                device_time_us=time_us if isinstance(time_us, int) else None,
                severity=_severity(self._source.severity, severity),
                message=_text(message),
                parameter=_part(_text(name)),
                asset_id=self._source.assets.get(_text(name), self._source.asset),
            )
            outcome.alarms += self._changed(node if isinstance(node, Node) else (alarm.type, alarm.parameter), alarm)
        elif self.event_point is not None:
            moment = time_us if isinstance(time_us, int) else now_us
            # an event that comes twice is two events: its time keeps them apart
            text = f"{iso(moment)} {_text(name)}: {_text(message)}"
            outcome.samples.append(Sample(self.event_point, text, now_us, moment))
        return outcome

    def _changed(self, key: object, alarm: DeviceAlarm) -> list[DeviceAlarm]:
        if self._refreshed is not None:
            self._refreshed.add(key)
        known = self._told.get(key)
        if known is not None and _state(known) == _state(alarm):
            return []
        if alarm.active:
            self._told[key] = alarm
        else:
            self._told.pop(key, None)
            if self._refreshed is not None and known is None:
                return []
        return [alarm]

    def _ended(self, now_us: int) -> list[DeviceAlarm]:
        """A refresh tells all that is of interest: what was active and is not told any more has ended."""
        seen, self._refreshed = self._refreshed, None
        if seen is None:
            return []
        gone = [key for key in self._told if key not in seen]
        return [
            replace(self._told.pop(key), active=False, gateway_time_us=now_us, device_time_us=now_us) for key in gone
        ]


def _state(alarm: DeviceAlarm) -> tuple[bool, Severity, str]:
    return alarm.active, alarm.severity, alarm.message


def _severity(limits: SeverityMap, value: Any) -> Severity:
    if isinstance(value, bool) or not isinstance(value, int):
        return Severity.MEDIUM
    steps = (
        (limits.critical, Severity.CRITICAL),
        (limits.high, Severity.HIGH),
        (limits.medium, Severity.MEDIUM),
        (limits.low, Severity.LOW),
    )
    return next((severity for least, severity in steps if value >= least), Severity.INFO)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _kind(type_: Any) -> str:
    if isinstance(type_, Node) and type_.namespace == 0 and isinstance(type_.identifier, int):
        return str(ua.ObjectIdNames.get(type_.identifier, "condition"))
    return "condition"


def _part(name: str) -> str | None:
    """A source's name as a parameter, which may have fewer characters."""
    return as_name(name)[:128] or None
