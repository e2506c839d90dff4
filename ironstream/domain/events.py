"""Alarm conditions on discrete states: true while the last event of a type says so, with delays in event time.

The clock of a rule on a series is its newest event time, moved on by the log's clock since the last event came
(`_us` is event time, `_ms` the log's clock). So a backlog that is delivered at once is judged by its own times.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from ironstream.domain.rules import ConditionRule


@dataclass(frozen=True, slots=True)
class EventOrigin:
    """The record that an event came with."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class StateEvent:
    """A state as an event told it, and the state before; None where that is not known."""

    time_us: int
    state: str | None
    previous: str | None
    origin: EventOrigin


@dataclass(frozen=True, slots=True)
class StateCondition:
    """One rule on one series of events.

    `matching` is what the newest event says, `since_us` and `origin` when and by which event that began; `raised` is
    what was told last, with `number` counting these tellings from 1. It follows `matching` after the rule's delay.
    """

    watermark_us: int
    anchor_ms: int
    since_us: int
    origin: EventOrigin
    state: str | None = None
    matching: bool = False
    raised: bool = False
    number: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A condition that was raised or cleared."""

    active: bool
    time_us: int
    number: int
    state: str | None
    origin: EventOrigin


Step = tuple[StateCondition | None, list[Change]]


def on_event(condition: StateCondition | None, rule: ConditionRule, event: StateEvent, now_ms: int) -> Step:
    """Take an event of the rule's type. The condition stays None until an event first matches.

    An event older than the newest one changes no state, but shows that the backlog still flows: the clock waits.
    """
    changes: list[Change] = []
    if condition is None:
        if not matches(rule, event, before=False):
            return None, changes
        condition = StateCondition(event.time_us, now_ms, event.time_us, event.origin)
    elif event.time_us < condition.watermark_us:
        return replace(condition, anchor_ms=now_ms), changes
    # what was true for long enough before this event has happened before it
    condition = _settle(condition, rule, event.time_us, changes)
    condition = replace(condition, watermark_us=event.time_us, anchor_ms=now_ms)
    matching = matches(rule, event, before=condition.matching)
    if matching != condition.matching:
        condition = replace(
            condition, matching=matching, since_us=event.time_us, origin=event.origin, state=event.state
        )
    return _settle(condition, rule, event.time_us, changes), changes


def on_clock(condition: StateCondition, rule: ConditionRule, now_ms: int) -> tuple[StateCondition, list[Change]]:
    """Let time pass: tell what its delay has been waiting for."""
    changes: list[Change] = []
    clock_us = condition.watermark_us + max(now_ms - condition.anchor_ms, 0) * 1000
    return _settle(condition, rule, clock_us, changes), changes


def withdraw(condition: StateCondition, time_us: int) -> tuple[StateCondition, list[Change]]:
    """The rule is no more: what it raised is cleared."""
    if not condition.raised:
        return replace(condition, matching=False), []
    condition = replace(condition, matching=False, raised=False, number=condition.number + 1)
    return condition, [Change(False, time_us, condition.number, condition.state, condition.origin)]


def due_ms(condition: StateCondition, rule: ConditionRule) -> int | None:
    """When, by the log's clock, the delay that is running will be over; None when none is."""
    if condition.matching == condition.raised:
        return None
    left_us = condition.since_us + _delay_us(condition, rule) - condition.watermark_us
    return condition.anchor_ms + max(-(-left_us // 1000), 0)


def matches(rule: ConditionRule, event: StateEvent, before: bool) -> bool:
    """Whether the rule is true after the event; `before`: whether it was.

    A change `from` → `to` stays true until the state is left again (with `from` alone: until it is back).
    """
    state, previous = event.state, event.previous
    if rule.state_is is not None:
        return state == rule.state_is
    if rule.state_is_not is not None:
        return state is not None and state != rule.state_is_not
    if rule.state_to is not None:
        if state != rule.state_to:
            return False
        return before or rule.state_from is None or previous == rule.state_from
    if rule.state_from is not None:
        return state is not None and state != rule.state_from and (before or previous == rule.state_from)
    return False


def state_text(value: object) -> str | None:
    """A state of any JSON type as the rules write it: true, false, 1, 1.5, text as it is, JSON for the rest."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _settle(condition: StateCondition, rule: ConditionRule, clock_us: int, changes: list[Change]) -> StateCondition:
    if condition.matching == condition.raised:
        return condition
    time_us = condition.since_us + _delay_us(condition, rule)
    if clock_us < time_us:
        return condition
    condition = replace(condition, raised=condition.matching, number=condition.number + 1)
    changes.append(Change(condition.raised, time_us, condition.number, condition.state, condition.origin))
    return condition


def _delay_us(condition: StateCondition, rule: ConditionRule) -> int:
    return rule.on_delay_us if condition.matching else rule.off_delay_us
