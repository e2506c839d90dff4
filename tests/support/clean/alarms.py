"""Transitions of alarms as the alarm agent makes them."""

from __future__ import annotations

from typing import Any

import msgspec

from ironstream.contract import AlarmTransition
from tests.support.clean import bodies
from tests.support.clean.bodies import START_US, at
from tests.support.clean.records import record_of
from tests.support.engine import MemoryRecord

NOW_US = START_US


def alarm(
    number: int, state: str, previous: str | None, occurrence: str = "one", age_s: float = 0, **fields: Any
) -> AlarmTransition:
    """Transition `number` of an occurrence that was raised with it, `age_s` before `NOW_US`."""
    given = {"previous_state": previous, "raised_at": at(-age_s), "cleared_at": None} | fields
    return msgspec.convert(bodies.transition(number, state, occurrence, seconds=-age_s, **given), AlarmTransition)


def alarm_record(offset: int, one: AlarmTransition) -> MemoryRecord:
    """The record of a transition on alarms.clean."""
    return record_of(offset, msgspec.to_builtins(one), f"{one.occurrence_id}/{one.transition}")
