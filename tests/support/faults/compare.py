"""Holds what was found on the topics against what the oracle expects."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import isclose, isnan, nan
from typing import Any

from tests.support.faults.oracle import Expected, Logged, Oracle, Raised, Window
from tests.support.faults.plant import microseconds

MOST_SHOWN = 8
Place = tuple[int, int]


class Differences:
    """What does not agree, by what it is about."""

    def __init__(self) -> None:
        self.by_subject: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, subject: str, detail: object) -> None:
        """One more difference."""
        self.by_subject[subject].append(str(detail))

    def __bool__(self) -> bool:
        return bool(self.by_subject)

    def __str__(self) -> str:
        lines = []
        for subject, details in self.by_subject.items():
            lines.append(f"{subject}: {len(details)}")
            lines += [f"    {detail}" for detail in details[:MOST_SHOWN]]
        return "\n".join(lines)


def first_of_each(records: Iterable[Logged], subject: str, differences: Differences) -> dict[str, Logged]:
    """Records by their ironstream-id; a repeat must have the same value and key as the first."""
    found: dict[str, Logged] = {}
    for record in records:
        name = record.headers.get("ironstream-id", b"").decode()
        if not name:
            differences.add(f"{subject} without an id", record)
            continue
        first = found.setdefault(name, record)
        if first.value != record.value or first.key != record.key:
            differences.add(f"{subject}: a repeat differs", f"{name}\n      {first.value!r}\n      {record.value!r}")
    return found


def telemetry(
    log: Iterable[Logged],
    outputs: Mapping[str, list[Logged]],
    processed: Mapping[int, int],
    declared: dict[int, list[str]],
) -> tuple[Expected, Differences]:
    """Compare the outputs of the telemetry agent, by topic (`clean`, `dlq`, `1`, `10`, `alarms`), with the oracle.

    What records before `processed` (partition → offset) lead to must be there; what later ones lead to may be.
    """
    oracle = Oracle(declared)
    for record in log:
        oracle.feed(record)
    expected, differences = oracle.expected, Differences()

    def due(cause: Place) -> bool:
        return cause[1] < processed.get(cause[0], 0)

    _clean(expected, outputs["clean"], due, differences)
    _refused(expected, outputs["dlq"], due, differences)
    found: dict[tuple[str, int, int, int], Window] = {}
    for size in ("1", "10"):
        for record in first_of_each(outputs[size], f"windows of {size} s", differences).values():
            name, window = _window(record)
            found[name] = window
    _match("windows", expected.windows, found, due, lambda a, b: a.agrees(b), differences)
    changes = {}
    for record in first_of_each(outputs["alarms"], "conditions", differences).values():
        body = json.loads(record.value or b"{}")
        series = "/".join(body[part] for part in ("tenant_id", "site_id", "asset_id", "parameter"))
        evidence = body["evidence"]["partition"], body["evidence"]["offset"]
        value = nan if body.get("value") is None else body["value"]
        change = Raised(body["state"] == "ACTIVE", microseconds(body["time"]), value, evidence)
        changes[series, body["rule_id"], body["number"]] = change
    _match("conditions", expected.changes, changes, due, _same_change, differences)
    return expected, differences


def _same_change(a: Raised, b: Raised) -> bool:
    same_value = (isnan(a.value) and isnan(b.value)) or isclose(a.value, b.value, rel_tol=1e-9, abs_tol=1e-9)
    return (a.active, a.time_us, a.cause) == (b.active, b.time_us, b.cause) and same_value


def _clean(expected: Expected, records: list[Logged], due: Any, differences: Differences) -> None:
    found: dict[Place, tuple[str, Any]] = {}
    for name, record in first_of_each(records, "clean", differences).items():
        topic, partition, offset = name.rsplit("/", 2)
        body = json.loads(record.value or b"{}")
        series = "/".join(body[part] for part in ("tenant_id", "site_id", "asset_id", "parameter"))
        found[int(partition), int(offset)] = series, body["value"]
        if not topic.endswith("telemetry.raw") or int(partition) != record.partition:
            differences.add("clean: a wrong id", name)
    _match("clean", expected.clean, found, due, lambda a, b: a == b, differences)


def _refused(expected: Expected, records: list[Logged], due: Any, differences: Differences) -> None:
    found: dict[Place, str] = {}
    for record in records:
        place = int(record.headers["dlq-partition"]), int(record.headers["dlq-offset"])
        reason = record.headers["dlq-reason"].decode()
        if found.setdefault(place, reason) != reason:
            differences.add("dead letters: a repeat differs", place)
    _match("dead letters", expected.refused, found, due, lambda a, b: a == b, differences)


def _match(
    subject: str, expected: Mapping[Any, Any], found: Mapping[Any, Any], due: Any, same: Any, differences: Differences
) -> None:
    for name, one in expected.items():
        other = found.get(name)
        if other is None:
            cause = getattr(one, "cause", name)
            if due(cause):
                differences.add(f"{subject}: lost", f"{name}: {one}")
        elif not same(one, other):
            differences.add(f"{subject}: wrong", f"{name}\n      expected {one}\n      found    {other}")
    for name in found.keys() - expected.keys():
        differences.add(f"{subject}: not expected", f"{name}: {found[name]}")


def _window(record: Logged) -> tuple[tuple[str, int, int, int], Window]:
    body = json.loads(record.value or b"{}")
    series = "/".join(body[part] for part in ("tenant_id", "site_id", "asset_id", "parameter"))
    values, quality = body["aggregates"], body["quality_summary"]

    def number(name: str) -> float:
        return nan if values[name] is None else float(values[name])

    window = Window(
        values["count"],
        number("avg"),
        number("min"),
        number("max"),
        number("first"),
        number("last"),
        number("p50"),
        tuple(quality[f"{code}_samples"] for code in ("good", "suspect", "uncertain", "bad")),
        (record.partition, -1),
    )
    return (series, body["size_s"], microseconds(body["window_start"]), body["revision"]), window
