"""Lifecycle of an alarm (ISA-18.2): what a condition, raised or cleared, makes of it.

Every function is `(alarm, input, now) -> (alarm, transition or None)`; nothing here reads a clock. Times of what
happened in the plant are µs since the epoch (`_us`), times of the log's own clock are ms (`_ms`). What operators do to
an alarm is in `alarm_commands`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Final, Literal
from urllib.parse import quote

State = Literal["ACTIVE", "ACKNOWLEDGED", "CLEARED", "CLEARED_UNACKED", "SUPPRESSED"]
Value = float | str | bool | None
AUTO: Final = "auto"
"""`acked_by` of an alarm that cleared before anybody acknowledged it."""
_OCCURRENCES: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:ironstream:alarm-occurrence")


@dataclass(frozen=True, slots=True)
class AlarmKey:
    """What makes two alarms the same. `source` is `rule:<rule_id>`, `adapter:<adapter_id>` or `external`."""

    tenant_id: str
    site_id: str
    asset_id: str
    type: str
    source: str
    parameter: str | None = None

    @property
    def asset(self) -> str:
        """`tenant/site/asset`."""
        return f"{self.tenant_id}/{self.site_id}/{self.asset_id}"

    @property
    def alarm_id(self) -> str:
        """`tenant/site/asset/type/source/parameter` ("-" for none), each part percent-encoded where it must be."""
        return f"{self.asset}/{quote(self.type, safe='')}/{quote(self.source, safe=':')}/{self.parameter or '-'}"


@dataclass(frozen=True, slots=True)
class Cause:
    """The record that made something happen, and the rule and topology version where there was one."""

    topic: str
    partition: int
    offset: int
    rule_id: str | None = None
    topology_version: int | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """What a condition or an external alarm says. `severity` is the rank, 0 (INFO) to 4 (CRITICAL).

    `number` tells signals with the same cause apart: a condition that flaps on one record.
    """

    active: bool
    severity: int
    time_us: int
    cause: Cause
    message: str = ""
    value: Value = None
    threshold: float | None = None
    unit: str | None = None
    latched: bool = False
    number: int = 0


@dataclass(frozen=True, slots=True)
class Shelf:
    """A shelving of one alarm: it ends at `until_ms` or, one-shot, when the alarm clears if that is earlier."""

    until_ms: int
    one_shot: bool


@dataclass(frozen=True, slots=True)
class Suppression:
    """A suppression of a whole asset: what stands and what comes is SUPPRESSED until `until_ms`."""

    until_ms: int
    actor: str
    reason: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm with its latest occurrence.

    `condition` is whether the condition is true now, remembered also while SUPPRESSED. A SUPPRESSED alarm without
    `shelf` is held by the suppression of its asset. `count` is how often the condition was reported true in this
    occurrence, `severity` the highest of these reports, `closed_ms` when the log's clock saw it CLEARED.
    """

    key: AlarmKey
    occurrence_id: str
    transition: int
    state: State
    condition: bool
    severity: int
    count: int
    raised_us: int
    cause: Cause
    message: str = ""
    value: Value = None
    threshold: float | None = None
    unit: str | None = None
    latched: bool = False
    acked_us: int | None = None
    acked_by: str | None = None
    cleared_us: int | None = None
    shelf: Shelf | None = None
    closed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """What the journal says beside the cause: which operator it was, and what they or the rules gave as reason."""

    actor: str | None = None
    comment: str | None = None
    reason: str | None = None


NO_REMARK: Final = Remark()


@dataclass(frozen=True, slots=True)
class Transition:
    """One entry of the journal: the alarm after it, the state before it (None where the occurrence begins), and why."""

    alarm: Alarm
    previous_state: State | None
    time_us: int
    cause: Cause
    remark: Remark = NO_REMARK
    until_ms: int | None = None


Step = tuple[Alarm, Transition | None]


def on_signal(
    alarm: Alarm | None, key: AlarmKey, signal: Signal, suppression: Suppression | None, now_ms: int
) -> tuple[Alarm | None, Transition | None]:
    """Take a condition that was raised or cleared.

    `suppression` is the one of the alarm's asset, None when there is none in force. The alarm stays None when a
    condition clears that was never raised.
    """
    if signal.active:
        if alarm is None or alarm.state == "CLEARED":
            return _raised(key, signal, suppression)
        return _raised_again(alarm, signal)
    # a clear that repeats what is known must not move the time at which the alarm cleared
    if alarm is None or not alarm.condition:
        return alarm, None
    return _cleared(alarm, signal, suppression, now_ms)


def _raised(key: AlarmKey, signal: Signal, suppression: Suppression | None) -> Step:
    cause = signal.cause
    origin = f"{key.alarm_id}\n{cause.topic}/{cause.partition}/{cause.offset}/{signal.number}"
    alarm = Alarm(
        key=key,
        occurrence_id=str(uuid.uuid5(_OCCURRENCES, origin)),
        transition=0,
        state="CLEARED",
        condition=True,
        severity=signal.severity,
        count=1,
        raised_us=signal.time_us,
        cause=cause,
        message=signal.message,
        value=signal.value,
        threshold=signal.threshold,
        unit=signal.unit,
        latched=signal.latched,
    )
    if suppression is None:
        alarm, entry = move(alarm, "ACTIVE", signal.time_us, cause)
    else:
        # the journal holds the occurrence from its beginning; only its announcement is held back
        alarm, entry = move(
            alarm,
            "SUPPRESSED",
            signal.time_us,
            cause,
            Remark(reason=suppression.reason),
            suppression.until_ms,
        )
    return alarm, replace(entry, previous_state=None)


def _raised_again(alarm: Alarm, signal: Signal) -> Step:
    alarm = replace(
        alarm,
        condition=True,
        severity=max(alarm.severity, signal.severity),
        count=alarm.count + 1,
        cause=signal.cause,
        message=signal.message or alarm.message,
        value=signal.value,
        threshold=signal.threshold,
        unit=signal.unit,
        latched=signal.latched,
        cleared_us=None,
    )
    if alarm.state == "CLEARED_UNACKED":
        return move(alarm, "ACTIVE", signal.time_us, signal.cause)
    return alarm, None


def _cleared(alarm: Alarm, signal: Signal, suppression: Suppression | None, now_ms: int) -> Step:
    alarm = replace(
        alarm,
        condition=False,
        cleared_us=signal.time_us,
        cause=signal.cause,
        message=signal.message or alarm.message,
        value=alarm.value if signal.value is None else signal.value,
    )
    if alarm.state == "SUPPRESSED":
        if alarm.shelf is None or not alarm.shelf.one_shot:
            return alarm, None
        if suppression is not None:
            return replace(alarm, shelf=None), None
        return close(alarm, signal.time_us, signal.cause, now_ms, Remark(reason="one-shot shelving ended"))
    if alarm.state == "ACTIVE" and alarm.latched:
        return move(alarm, "CLEARED_UNACKED", signal.time_us, signal.cause)
    return close(alarm, signal.time_us, signal.cause, now_ms)


def release(
    alarm: Alarm, time_us: int, cause: Cause, now_ms: int, remark: Remark = NO_REMARK
) -> tuple[Alarm, Transition]:
    """End the SUPPRESSED state: ACTIVE where the condition is still true, else CLEARED.

    An acknowledgement from before the shelving does not hold for what is announced anew.
    """
    if alarm.condition:
        alarm = replace(alarm, shelf=None, acked_us=None, acked_by=None)
        return move(alarm, "ACTIVE", time_us, cause, remark)
    return close(alarm, time_us, cause, now_ms, remark)


def close(
    alarm: Alarm, time_us: int, cause: Cause, now_ms: int, remark: Remark = NO_REMARK
) -> tuple[Alarm, Transition]:
    """End the occurrence: CLEARED, acknowledged by `AUTO` where nobody did."""
    if alarm.acked_us is None:
        alarm = replace(alarm, acked_us=time_us, acked_by=AUTO)
    alarm = replace(alarm, shelf=None, closed_ms=now_ms)
    return move(alarm, "CLEARED", time_us, cause, remark)


def move(
    alarm: Alarm,
    state: State,
    time_us: int,
    cause: Cause,
    remark: Remark = NO_REMARK,
    until_ms: int | None = None,
) -> tuple[Alarm, Transition]:
    """Write the next entry of the journal; `state` may be the one that the alarm is in."""
    moved = replace(alarm, state=state, transition=alarm.transition + 1)
    return moved, Transition(moved, alarm.state, time_us, cause, remark, until_ms)
