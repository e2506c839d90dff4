"""Holds the agents' tables against the oracles: nothing in the state beyond what the raw logs say, and nothing less."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isclose, isnan
from typing import Any

from ironstream.commands.tables import read_replica
from ironstream.settings import Settings
from tables.views import VIEWS
from tests.support.faults.compare import Differences
from tests.support.faults.journal import Journal
from tests.support.oracle.events import EventsOracle
from tests.support.oracle.telemetry import Oracle, Series
from tests.support.oracle.windows import Window
from tests.support.oracle.wire import us_of

Row = Mapping[str, Any]
Tables = dict[str, list[tuple[int, Row]]]
"""Rows of each table, with their partition."""


@dataclass
class Snapshot:
    """What the tables must hold, by table and name; taken when the oracles stood where the state stands."""

    series: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)
    open: dict[tuple[int, str, int, int], Window] = field(default_factory=dict)
    """partition, series, size in s, number"""
    reopened: dict[tuple[int, str, int, int], Window] = field(default_factory=dict)
    closed: dict[tuple[int, str, int, int], Window] = field(default_factory=dict)
    conditions: dict[tuple[int, str], tuple[bool, int]] = field(default_factory=dict)
    alarms: dict[tuple[int, str], tuple[str, bool, int]] = field(default_factory=dict)
    suppressions: set[tuple[int, str]] = field(default_factory=set)
    events: dict[tuple[int, str], tuple[int | None, str | None]] = field(default_factory=dict)

    def telemetry(self, oracle: Oracle, partition: int) -> None:
        """Take what the oracle holds of a partition."""
        for name, series in oracle.series[partition].items():
            self.series[partition, name] = _series(series)
            for at, size in enumerate(series.windows.sizes):
                place = partition, name, size.size_s
                for number, window in series.windows.open[at].items():
                    self.open[*place, number] = window.copy()
                for number, window in series.windows.closed[at].items():
                    waits = number in series.windows.reopened[at]
                    (self.reopened if waits else self.closed)[*place, number] = window.copy()
            for state in series.conditions.states:
                self.conditions[partition, f"{name}/{state.rule.name}"] = state.active, state.number

    def signals(self, events: EventsOracle, journal: Journal) -> None:
        """Take what the oracles hold of events and alarms, all partitions."""
        for partition, known in events.series.items():
            for name, one in known.items():
                self.events[partition, name] = one.newest, one.state
        for number, at in journal.partitions.items():
            for name, alarm in at.alarms.items():
                self.alarms[number, name] = alarm.state, alarm.condition, alarm.transition
            self.suppressions |= {(number, asset) for asset in at.suppressed}


async def read_tables(settings: Settings) -> Tables:
    """All tables as of the last commits."""
    replicas = {agent: await read_replica(settings, agent) for agent in ("telemetry", "events", "alarms")}
    tables: Tables = defaultdict(list)
    for view in VIEWS:
        for partition, key, value in replicas[view.agent].scan(view.prefix):
            tables[view.name] += [(partition, entry) for entry in view.entries(key, value)]
    return tables


def compare_tables(wanted: Snapshot, tables: Tables, differences: Differences) -> None:
    """Every row must be explained, and every row that must be there must be there."""
    _same("series", wanted.series, {(p, row["key"]): row for p, row in tables["series"]}, _series_differs, differences)
    _same("open windows", wanted.open, dict(_windows(tables["windows"])), _window_differs, differences)
    _same("reopened windows", wanted.reopened, dict(_windows(tables["reopened_windows"])), _window_differs, differences)
    for name, row in _windows(tables["closed_windows"]):
        # those past their retention go when it suits; a restated one may wait in both tables
        if name not in wanted.closed and name not in wanted.reopened:
            differences.add("state, closed windows: not explained", row)
        elif name in wanted.closed and (said := _window_differs(wanted.closed[name], row)):
            differences.add("state, closed windows: wrong", f"{name}: {said}")
    found = {(p, row["key"]): (row["active"], row["number"]) for p, row in tables["conditions"]}
    fresh = {name: one for name, one in wanted.conditions.items() if one[1] or name in found}
    _same("conditions", fresh, found, _differs, differences)
    alarms = {(p, row["key"]): (row["state"], row["condition"], row["transition"]) for p, row in tables["alarms"]}
    _same("alarms", wanted.alarms, alarms, _differs, differences)
    held = {(p, row["key"]): None for p, row in tables["alarm_suppressions"]}
    _same("suppressions", dict.fromkeys(wanted.suppressions), held, _differs, differences)
    events = {(p, row["key"]): (row["newest_us"], row["state"]) for p, row in tables["event_series"]}
    _same("event series", wanted.events, events, _differs, differences)


def _same(subject: str, wanted: Mapping[Any, Any], found: Mapping[Any, Any], differ: Any, into: Differences) -> None:
    for name, one in wanted.items():
        if name not in found:
            into.add(f"state, {subject}: lost", f"{name}: {one}")
        elif said := differ(one, found[name]):
            into.add(f"state, {subject}: wrong", f"{name}: {said}")
    for name in found.keys() - wanted.keys():
        into.add(f"state, {subject}: not explained", f"{name}: {found[name]}")


def _differs(one: object, other: object) -> str:
    return "" if one == other else f"expected {one}, found {other}"


def _series(series: Series) -> dict[str, Any]:
    memory, tally = series.memory, series.memory.tally
    measured = memory.measured or (None, None)
    return {
        "watermark": memory.newest,
        "heard": memory.heard,
        "last_append": memory.last_append,
        "last_value": measured[0],
        "last_time": measured[1],
        "last_quality": memory.last_code,
        "suspect_steps": memory.steps,
        "seq": max(memory.runs[memory.run]) if memory.run else 0,
        "clean": tally.clean,
        "duplicates": tally.duplicates,
        "rejected": tally.rejected,
        "surplus": tally.surplus,
        "too_late": tally.too_late,
    }


def _series_differs(wanted: Mapping[str, Any], row: Row) -> str:
    return "; ".join(
        f"{name}: expected {one}, found {row[name]}" for name, one in wanted.items() if not _equal(one, row[name])
    )


def _equal(wanted: Any, said: Any) -> bool:
    if isinstance(said, str):
        return bool(us_of(said) == wanted)
    if wanted is None or (isinstance(wanted, float) and isnan(wanted)):
        return said is None or bool(said == -(1 << 63))
    return said is not None and isclose(wanted, said, rel_tol=1e-9, abs_tol=1e-9)


def _windows(rows: list[tuple[int, Row]]) -> Iterator[tuple[tuple[int, str, int, int], Row]]:
    for partition, row in rows:
        if row["window_start"] is not None:
            number = us_of(row["window_start"]) // (row["size_s"] * 1_000_000)
            yield (partition, row["key"], row["size_s"], number), row


def _window_differs(window: Window, row: Row) -> str:
    codes = [code for _, _, code in window.rows]
    wanted = {name: codes.count(name.upper()) for name in ("good", "suspect", "uncertain", "bad")}
    wanted["count"] = window.count()
    found = {name: row[name] for name in wanted}
    average = window.average()
    if found == wanted and (average is None or isclose(average, row["mean"], rel_tol=1e-9, abs_tol=1e-9)):
        return ""
    return f"expected {wanted} of mean {average}, found {row}"
