"""What of a cut PagerDuty needs to hear: of each occurrence its last move, if that still matters. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ironstream.contract import AlarmState, AlarmTransition, Severity


class Action(StrEnum):
    """`event_action` of the Events API v2."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


_ACTIONS: Final = {
    AlarmState.ACTIVE: Action.TRIGGER,
    AlarmState.ACKNOWLEDGED: Action.ACKNOWLEDGE,
    AlarmState.CLEARED: Action.RESOLVE,
    # nobody needs to come for what is over, though somebody has yet to see that it was
    AlarmState.CLEARED_UNACKED: Action.RESOLVE,
    # a shelved alarm pages nobody
    AlarmState.SUPPRESSED: Action.RESOLVE,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A transition with what has been read of it. `time_us` is when it happened."""

    transition: AlarmTransition
    state: AlarmState
    severity: Severity
    time_us: int

    @property
    def is_move(self) -> bool:
        """Whether the state changed. A comment, or a longer shelving, is an entry of the journal alone."""
        return self.transition.previous_state != self.transition.state


@dataclass(frozen=True, slots=True)
class Call:
    """What to tell PagerDuty. `row` is the place in the cut of the entry that it comes from."""

    row: int
    action: Action
    entry: Entry


def calls(cut: Iterable[Entry], now_us: int, min_severity: Severity, max_age_s: float) -> list[Call]:
    """At most one call for each occurrence, by the highest transition that moved it; most urgent first.

    What became ACTIVE and is not any more at the end of the cut triggers nothing; what became ACTIVE more than
    `max_age_s` ago triggers nothing; an end is always told, for an earlier cut may have paged.
    """
    last: dict[str, tuple[int, Entry]] = {}
    for row, entry in enumerate(cut):
        name = entry.transition.occurrence_id
        known = last.get(name)
        if entry.is_move and (known is None or known[1].transition.transition < entry.transition.transition):
            last[name] = (row, entry)
    found = [Call(row, _ACTIONS[entry.state], entry) for row, entry in last.values() if entry.severity >= min_severity]
    oldest_us = now_us - int(max_age_s * 1e6)
    wanted = [call for call in found if call.action is not Action.TRIGGER or call.entry.time_us >= oldest_us]
    return sorted(wanted, key=lambda call: (call.action is not Action.TRIGGER, -call.entry.severity, call.row))
