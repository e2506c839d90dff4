"""Bytes of alarms.raw and events.raw to the contract, and back. JSON; unknown fields do no harm.

Every decoder raises DecodeError, and nothing else, for bytes that are not what the contract says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from ironstream.contract import (
    IDENTITY_PART,
    SCHEMA_VERSION,
    AlarmState,
    Command,
    Condition,
    Event,
    Evidence,
    ExternalAlarm,
    Metadata,
    Severity,
    Time,
    Timestamps,
)
from ironstream.domain.times import to_us
from ironstream.errors import DecodeError

AlarmInput = Condition | ExternalAlarm | Command
S = TypeVar("S", Condition, ExternalAlarm, Command, Event)
TEXT_LIMIT: Final = 256
"""Longest `type`, rule, command and actor name, in characters."""
_RAISED_OR_CLEARED: Final = (AlarmState.ACTIVE, AlarmState.CLEARED)
_AVRO_FRAME: Final = 0
_INTEGERS_END: Final = 2**63
"""State rows and Kafka's offsets hold 64 bits; JSON's integers have no end."""
_AT: Final = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_BEFORE: Final = re.compile(r"was (accepted|rejected) at offset \d+")
_MISSING: Final = re.compile(r"missing required field `(?P<field>[^`]*)`")


class AuditEntry(msgspec.Struct):
    """What became of an operator's command, on audit_trail.

    `outcome` is accepted, rejected or repeated; `reason` says why it was not accepted. `request` is the command as it
    was asked for, `transitions` how many entries it made in the journal (alarms.clean), `time` the log's clock.
    """

    command_id: str
    command: str
    actor: str
    tenant_id: str
    site_id: str
    asset_id: str
    alarm_id: str | None
    occurrence_id: str | None
    outcome: str
    reason: str | None
    transitions: int
    time: str
    evidence: Evidence
    request: Command
    kind: str = "command"
    schema_version: int = SCHEMA_VERSION


class RawEvent(msgspec.Struct):
    """An event with the fields that the contract does not know, which are kept.

    `changes_only` marks a source that repeats its state: the event counts only where the state is a new one.
    """

    event: Event
    unknown: dict[str, Any]
    changes_only: bool = False


def decode_alarm(value: bytes | None) -> AlarmInput:
    """A record of alarms.raw, told apart by `kind`; without one it is an external alarm (as 003 writes them).

    Guarantees valid identity, state, severity (both upper case) and times (`to_us` takes them).
    """
    raw = _object(value)
    kind = raw.get("kind")
    if kind is None or kind == "alarm":
        return _external_alarm(raw)
    if kind == "condition":
        return _condition(raw)
    if kind == "command":
        return _command(raw)
    raise DecodeError("kind", f"{_shown(kind)} is not condition, alarm or command")


def decode_event(value: bytes | None) -> RawEvent:
    """A record of events.raw; a machine's flat status payload is mapped to an event of type `status`.

    Guarantees valid identity and type, and that the times there are can be read (`to_us` takes them).
    """
    raw = _object(value)
    changes_only = "machine_id" in raw and "asset_id" not in raw
    if changes_only:
        raw = _status_event(raw)
    if "type" not in raw and "event_type" in raw:
        raw["type"] = raw.pop("event_type")
    event = _convert(raw, Event)
    _check_identity(event)
    _check_text("type", event.type)
    _check_timestamps(event.timestamps)
    return RawEvent(event, {name: raw[name] for name in raw.keys() - _EVENT_FIELDS}, changes_only)


_EVENT_FIELDS: Final = frozenset(Event.__struct_encode_fields__)


def encode(value: AlarmInput | msgspec.Struct | Mapping[str, Any]) -> bytes:
    """JSON of a contract object, fields in the order of the contract."""
    return msgspec.json.encode(value)


def encode_event(event: Event, unknown: Mapping[str, Any]) -> bytes:
    """JSON of an event, its unknown fields after those of the contract and in the order of their names.

    Raises DecodeError where an unknown field or a value holds what JSON cannot.
    """
    try:
        known = msgspec.to_builtins(event)
        return msgspec.json.encode({**known, **{name: unknown[name] for name in sorted(unknown)}})
    except (ValueError, OverflowError, RecursionError) as err:
        raise DecodeError("record", f"cannot be written as JSON again: {err}") from err


def said_before(outcome: str, offset: int) -> str:
    """The `reason` of a repeated command: what had become of the first, and where that stands in alarms.raw."""
    return f"was {outcome} at offset {offset}"


def outcome_before(reason: str | None) -> str | None:
    """The outcome that such a reason tells, accepted or rejected; None where it tells none."""
    found = _BEFORE.fullmatch(reason or "")
    return None if found is None else found[1]


def _object(value: bytes | None) -> dict[str, Any]:
    if not value:
        raise DecodeError("record", "is empty")
    if value[0] == _AVRO_FRAME:
        raise DecodeError("record", "is Avro-framed: alarms and events are read as JSON")
    try:
        raw = msgspec.json.decode(value)
    except RecursionError as err:
        raise DecodeError("record", "is nested too deeply") from err
    except ValueError as err:  # msgspec's own errors and bad UTF-8
        raise DecodeError("record", f"is not JSON: {err}") from err
    if not isinstance(raw, dict):
        raise DecodeError("record", "is not a JSON object")
    # null says the same as absence, so that writers which always list every field are understood
    return {name: part for name, part in raw.items() if part is not None}


def _convert(raw: dict[str, Any], type_: type[S]) -> S:
    for name, part in _PARTS.items():
        nested = raw.get(name)
        if isinstance(nested, dict):
            # these two refuse unknown fields for the sake of the readings' fast path; an alarm must not be lost to that
            raw[name] = {field: nested[field] for field in part.__struct_fields__ if field in nested}
    try:
        return msgspec.convert(raw, type_)
    except (msgspec.ValidationError, OverflowError, RecursionError) as err:
        raise _decode_error(str(err)) from err


_PARTS: Final[dict[str, type[Timestamps] | type[Metadata]]] = {"timestamps": Timestamps, "metadata": Metadata}


def _decode_error(text: str) -> DecodeError:
    missing, at = _MISSING.search(text), _AT.search(text)
    path = at["path"] if at else ""
    if missing:
        return DecodeError(f"{path}.{missing['field']}".lstrip("."), "is missing")
    return DecodeError(path or "record", _AT.sub("", text))


def _condition(raw: dict[str, Any]) -> Condition:
    condition = _convert(raw, Condition)
    _check_identity(condition)
    _check_text("type", condition.type)
    _check_text("rule_id", condition.rule_id)
    evidence = condition.evidence
    _check_integer("number", condition.number, 1)
    _check_integer("evidence.partition", evidence.partition, 0)
    _check_integer("evidence.offset", evidence.offset, 0)
    _check_integer("evidence.topology_version", evidence.topology_version or 0, 0)
    condition.state, condition.severity = _state(condition.state), _severity(condition.severity)
    _check_time("time", condition.time)
    return condition


def _external_alarm(raw: dict[str, Any]) -> ExternalAlarm:
    alarm = _convert(raw, ExternalAlarm)
    _check_identity(alarm)
    _check_text("type", alarm.type)
    alarm.state, alarm.severity = _state(alarm.state), _severity(alarm.severity)
    # 003's message has no `timestamps`: the alarm itself says when it was raised and cleared
    own = raw.get("cleared_at" if alarm.state == AlarmState.CLEARED else "raised_at")
    if alarm.timestamps is None and own is not None:
        if not isinstance(own, str | int | float):
            raise DecodeError("raised_at, cleared_at", f"{_shown(own)} is not a time")
        alarm.timestamps = Timestamps(device_time=own)
    _check_timestamps(alarm.timestamps)
    return alarm


def _command(raw: dict[str, Any]) -> Command:
    command = _convert(raw, Command)
    if command.asset_id:
        _check_identity(command)
    for name in ("command_id", "command", "actor"):
        _check_text(name, getattr(command, name))
    return command


def _status_event(raw: dict[str, Any]) -> dict[str, Any]:
    if "status" not in raw:
        raise DecodeError("status", "is missing")
    mapped = {name: part for name, part in raw.items() if name not in _STATUS_PAYLOAD}
    mapped |= {"asset_id": raw["machine_id"], "type": "status", "to": raw["status"], "schema_version": SCHEMA_VERSION}
    if "ts" in raw:
        mapped["timestamps"] = {"device_time": raw["ts"]}
    return mapped


_STATUS_PAYLOAD: Final = frozenset({"machine_id", "ts", "status", "metrics", "schema_version"})


def _check_identity(record: Condition | ExternalAlarm | Command | Event) -> None:
    parts = {"tenant_id": record.tenant_id, "site_id": record.site_id, "asset_id": record.asset_id}
    if not isinstance(record, Command) and record.parameter is not None:
        parts["parameter"] = record.parameter
    for name, part in parts.items():
        if not IDENTITY_PART.fullmatch(part):
            raise DecodeError(name, f"{_shown(part)} is not 1 to 128 of A-Z a-z 0-9 . _ -, the first one no sign")


def _check_text(name: str, text: str) -> None:
    if not text.strip() or len(text) > TEXT_LIMIT or not text.isprintable():
        raise DecodeError(name, f"{_shown(text)} is not 1 to {TEXT_LIMIT} printable characters")


def _check_integer(name: str, number: int, least: int) -> None:
    if not least <= number < _INTEGERS_END:
        raise DecodeError(name, f"is not an integer from {least} to 2⁶³")


def _check_timestamps(timestamps: Timestamps | None) -> None:
    if timestamps is not None:
        _check_time("timestamps.device_time", timestamps.device_time)
        _check_time("timestamps.gateway_time", timestamps.gateway_time)


def _check_time(name: str, time: Time) -> None:
    if time is None:
        return
    try:
        to_us(time)
    except ValueError as err:
        raise DecodeError(name, str(err)) from err


def _state(text: str) -> str:
    return _one_of("state", text, _RAISED_OR_CLEARED, str)


def _severity(text: str) -> str:
    return _one_of("severity", text, tuple(Severity), lambda severity: severity.name)


E_ = TypeVar("E_", AlarmState, Severity)


def _one_of(field: str, text: str, members: tuple[E_, ...], name: Callable[[E_], str]) -> str:
    names = [name(member) for member in members]
    if text.upper() not in names:
        raise DecodeError(field, f"{_shown(text)} is none of {', '.join(names)}")
    return text.upper()


def _shown(value: object) -> str:
    try:
        return ascii(value)[:80]
    except (ValueError, RecursionError):  # an integer too long to be written, or nested too deeply
        return f"a {type(value).__name__}"
