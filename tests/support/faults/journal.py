"""What alarms.raw must lead to on alarms.clean and audit_trail: the alarm lifecycle anew, in plain Python.

Only what the load of the fault tests uses: conditions raised and cleared, latched or not, and acknowledgements.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.faults.compare import Differences, Place, first_of_each
from tests.support.faults.oracle import Logged


@dataclass
class _Alarm:
    state: str = "CLEARED"
    occurrence: int = 0
    transition: int = 0
    number: int = 0


@dataclass(frozen=True)
class Entry:
    """One entry of the journal of one alarm; `occurrence` counts from 1. `cause` is the record of alarms.raw."""

    occurrence: int
    transition: int
    previous: str | None
    state: str
    time: str | None
    cause: Place


class Journal:
    """Feed it all records of alarms.raw in log order per partition; read `entries` and `outcomes`."""

    def __init__(self) -> None:
        self.entries: defaultdict[str, list[Entry]] = defaultdict(list)
        self.outcomes: dict[Place, str] = {}
        self.repeats = 0
        self._alarms: defaultdict[str, _Alarm] = defaultdict(_Alarm)
        self._commands: dict[tuple[int, str], str] = {}

    def feed(self, record: Logged) -> None:
        """Take the next record of its partition."""
        if record.key == b"ironstream.control":
            return
        body = json.loads(record.value or b"{}")
        here = record.partition, record.offset
        if body["kind"] == "command":
            self._command(body, here)
            return
        rule = body["rule_id"]
        asset = "/".join(body[part] for part in ("tenant_id", "site_id", "asset_id"))
        name = f"{asset}/{body['type']}/rule:{rule}/{body['parameter']}"
        alarm = self._alarms[name]
        if body["number"] <= alarm.number:
            self.repeats += 1
            return
        alarm.number = body["number"]
        if body["state"] == "ACTIVE":
            if alarm.state == "CLEARED":
                alarm.occurrence, alarm.transition = alarm.occurrence + 1, 0
                self._move(name, "ACTIVE", body["time"], here, previous=None)
            elif alarm.state == "CLEARED_UNACKED":
                self._move(name, "ACTIVE", body["time"], here)
        elif alarm.state == "ACTIVE" and body.get("latched"):
            self._move(name, "CLEARED_UNACKED", body["time"], here)
        elif alarm.state in ("ACTIVE", "ACKNOWLEDGED"):
            self._move(name, "CLEARED", body["time"], here)

    def _command(self, body: dict[str, Any], here: Place) -> None:
        known = here[0], body["command_id"]
        if known in self._commands:
            self.outcomes[here] = "repeated"
            return
        name = body["alarm_id"]
        state = self._alarms[name].state if name in self._alarms else "CLEARED"
        after = {"ACTIVE": "ACKNOWLEDGED", "CLEARED_UNACKED": "CLEARED"}.get(state)
        self.outcomes[here] = self._commands[known] = "rejected" if after is None else "accepted"
        if after is not None:
            self._move(name, after, None, here)

    def _move(self, name: str, state: str, time: str | None, here: Place, previous: str | None = "") -> None:
        alarm = self._alarms[name]
        alarm.transition += 1
        before = alarm.state if previous == "" else previous
        self.entries[name].append(Entry(alarm.occurrence, alarm.transition, before, state, time, here))
        alarm.state = state


def journal(
    log: Iterable[Logged], clean: list[Logged], audit: list[Logged], processed: Mapping[int, int]
) -> tuple[Journal, Differences]:
    """Compare alarms.clean and audit_trail with what alarms.raw leads to; `processed` as for `compare.telemetry`."""
    expected, differences = Journal(), Differences()
    for record in log:
        expected.feed(record)
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in first_of_each(clean, "transitions", differences).values():
        body = json.loads(record.value or b"{}")
        found[body["alarm_id"]].append(body)
    for name in found.keys() - expected.entries.keys():
        differences.add("transitions: not expected", f"{name}: {found[name][0]}")
    for name, entries in expected.entries.items():
        _path(name, entries, found[name], processed, differences)
    answers = {}
    for record in first_of_each(audit, "audit", differences).values():
        body = json.loads(record.value or b"{}")
        answers[body["evidence"]["partition"], body["evidence"]["offset"]] = body["outcome"]
    for place, outcome in expected.outcomes.items():
        if place not in answers:
            if place[1] < processed.get(place[0], 0):
                differences.add("audit: lost", place)
        elif answers[place] != outcome:
            differences.add("audit: wrong", f"{place}: expected {outcome}, found {answers[place]}")
    return expected, differences


def _path(
    name: str,
    entries: list[Entry],
    bodies: list[dict[str, Any]],
    processed: Mapping[int, int],
    differences: Differences,
) -> None:
    """Hold the path of one alarm, in the order in which its transitions first stood in the log, to the expected one."""
    occurrences: dict[str, int] = {}
    for place, entry in enumerate(entries):
        if place >= len(bodies):
            if entry.cause[1] < processed.get(entry.cause[0], 0):
                differences.add("transitions: lost", f"{name}: {entry}")
            continue
        body = bodies[place]
        occurrence = occurrences.setdefault(body["occurrence_id"], len(occurrences) + 1)
        path = occurrence, body["transition"], body["previous_state"], body["state"]
        if path != (entry.occurrence, entry.transition, entry.previous, entry.state):
            differences.add("transitions: wrong", f"{name}: expected {entry}, found {path}")
        elif entry.time is not None and body["time"] != entry.time:
            differences.add("transitions: wrong time", f"{name}: expected {entry}, found {body['time']}")
    for body in bodies[len(entries) :]:
        differences.add("transitions: not expected", f"{name}: {body}")
