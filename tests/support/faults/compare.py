"""Holds what was found on the topics against what the oracles expect."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from math import isclose
from typing import Any

from tests.support.faults.journal import Entry, Journal
from tests.support.oracle.agree import disagreements
from tests.support.oracle.events import Clean, EventsOracle
from tests.support.oracle.quality import CODES, Judged
from tests.support.oracle.telemetry import Expected, Logged, Place, Raised
from tests.support.oracle.wire import us_of

MOST_SHOWN = 8
Due = Callable[[Place], bool]
"""Whether what a record leads to must be there: it has been processed. Of later ones it may be there."""


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
            lines += [f"    {detail[:600]}" for detail in details[:MOST_SHOWN]]
        return "\n".join(lines)


def processed_before(offsets: Mapping[int, int]) -> Due:
    """Due is what stands before these offsets (partition → offset)."""
    return lambda place: place[1] < offsets.get(place[0], 0)


def body_of(record: Logged) -> dict[str, Any]:
    """A record of a topic that the product writes."""
    body: dict[str, Any] = json.loads(record.value or b"{}")
    return body


def series_of(body: Mapping[str, Any]) -> str:
    """`tenant/site/asset/parameter` of a record, the last - where there is none."""
    return f"{body['tenant_id']}/{body['site_id']}/{body['asset_id']}/{body.get('parameter', '-')}"


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
    expected: Expected, log: Iterable[Logged], outputs: Mapping[str, list[Logged]], due: Due, differences: Differences
) -> None:
    """Compare the outputs of the telemetry agent, by topic, with the oracle.

    `outputs` has `clean`, `dlq`, `1`, `10`, and what this agent wrote of `alarms` (alarms.raw), `events` (events.clean)
    and `statuses` (events.raw).
    """
    _clean(expected, outputs["clean"], due, differences)
    wanted = {(*place, reason): place for place, reasons in expected.refused.items() for reason in reasons}
    originals = {(one.partition, one.offset): one for one in log}
    _dead_letters("dead letters", wanted, originals, outputs["dlq"], due, differences)
    _windows(expected, outputs, due, differences)
    match("conditions", expected.changes, conditions(outputs["alarms"], differences), due, _same_change, differences)
    found: dict[tuple[str, str, int], Any] = {}
    for name, record in first_of_each(outputs["events"], "events found", differences).items():
        kind, _, rest = name.partition("/")
        of, _, time = rest.rpartition("/")
        body = body_of(record)
        found[kind, of, int(time)] = body.get("details")
        if body["type"] != kind or us_of(body["timestamps"]["device_time"]) != int(time):
            differences.add("events found: a wrong id", name)
    match("events found", expected.events, found, due, lambda a, b: a.details == b, differences)
    statuses = {}
    for name, record in first_of_each(outputs["statuses"], "statuses", differences).items():
        _, partition, offset, _ = name.split("/")
        statuses[int(partition), int(offset)] = body_of(record)
    match("statuses", expected.statuses, statuses, due, lambda a, b: a == b, differences)


def conditions(records: Iterable[Logged], differences: Differences) -> dict[tuple[str, str, int], Raised]:
    """Changes of conditions as they stand on alarms.raw: by series, rule and number."""
    changes = {}
    for record in first_of_each(records, "conditions", differences).values():
        body = body_of(record)
        evidence = body["evidence"]["partition"], body["evidence"]["offset"]
        change = Raised(body["state"] == "ACTIVE", us_of(body["time"]), body.get("value"), evidence, evidence)
        changes[series_of(body), body["rule_id"], body["number"]] = change
    return changes


def events(
    oracle: EventsOracle, log: Iterable[Logged], outputs: Mapping[str, list[Logged]], due: Due, differences: Differences
) -> None:
    """Compare the outputs of the events agent with the oracle: `events`, `dlq`, and its conditions in `alarms`."""
    found: dict[str, Clean] = {}
    for name, record in first_of_each(outputs["events"], "events", differences).items():
        body = body_of(record)
        time = us_of(body["timestamps"].get("device_time") or body["timestamps"]["gateway_time"])
        found[name] = Clean(
            series_of(body), body["type"], time, body.get("from"), body.get("to"), body.get("value"), (0, 0)
        )
    match("events", oracle.clean, found, due, _same_event, differences)
    wanted = {(*place, reason): place for place, reason in oracle.refused.items()}
    originals = {(one.partition, one.offset): one for one in log}
    _dead_letters("refused events", wanted, originals, outputs["dlq"], due, differences)
    changes = conditions(outputs["alarms"], differences)
    match("conditions on events", oracle.changes, changes, due, _same_change, differences)


def journal(
    expected: Journal, log: Iterable[Logged], outputs: Mapping[str, list[Logged]], due: Due, differences: Differences
) -> None:
    """Compare `journal` (alarms.clean), `audit` and `dlq` with what alarms.raw leads to."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in first_of_each(outputs["journal"], "transitions", differences).values():
        body = body_of(record)
        found[body["alarm_id"]].append(body)
    for name in found.keys() - expected.entries.keys():
        differences.add("transitions: not expected", f"{name}: {found[name][0]}")
    for name, entries in expected.entries.items():
        _path(name, entries, found[name], due, differences)
    answers = {}
    for record in first_of_each(outputs["audit"], "audit", differences).values():
        body = body_of(record)
        place = body["evidence"]["partition"], body["evidence"]["offset"]
        answers[place] = body["outcome"], body["transitions"]
    match("audit", expected.outcomes, answers, due, lambda a, b: a == b, differences)
    wanted = {(*place, "malformed"): place for place in expected.refused}
    originals = {(one.partition, one.offset): one for one in log}
    _dead_letters("refused alarms", wanted, originals, outputs["dlq"], due, differences)


def _path(name: str, entries: list[Entry], bodies: list[dict[str, Any]], due: Due, differences: Differences) -> None:
    """Hold the path of one alarm, in the order in which its transitions first stood in the log, to the expected one."""
    occurrences: dict[str, int] = {}
    for place, entry in enumerate(entries):
        if place >= len(bodies):
            if due(entry.cause):
                differences.add("transitions: lost", f"{name}: {entry}")
            continue
        body = bodies[place]
        occurrence = occurrences.setdefault(body["occurrence_id"], len(occurrences) + 1)
        path = occurrence, body["transition"], body["previous_state"], body["state"]
        if path != (entry.occurrence, entry.transition, entry.previous, entry.state):
            differences.add("transitions: wrong", f"{name}: expected {entry}, found {path}")
        elif us_of(body["time"]) != entry.time:
            differences.add("transitions: wrong time", f"{name}: expected {entry}, found {body['time']}")
    for body in bodies[len(entries) :]:
        differences.add("transitions: not expected", f"{name}: {body}")


def _same_change(a: Raised, b: Raised) -> bool:
    return (a.active, a.time_us, a.evidence) == (b.active, b.time_us, b.evidence) and _same_value(a.value, b.value)


def _same_event(a: Clean, b: Clean) -> bool:
    return (a.of, a.type, a.time, a.before, a.to, a.value) == (b.of, b.type, b.time, b.before, b.to, b.value)


def _same_value(a: Any, b: Any) -> bool:
    if isinstance(a, float | int) and isinstance(b, float | int):
        return isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return bool(a == b)


def _clean(expected: Expected, records: list[Logged], due: Due, differences: Differences) -> None:
    found: dict[tuple[int, int, str], dict[str, Any]] = {}
    for name, record in first_of_each(records, "clean", differences).items():
        topic, partition, offset, *part = name.split("/")
        found[int(partition), int(offset), "/".join(part)] = body_of(record)
        if topic != "telemetry.raw" or int(partition) != record.partition:
            differences.add("clean: a wrong id", name)
    match("clean", expected.clean, found, due, _same_reading, differences)


def _same_reading(judged: Judged, body: dict[str, Any]) -> bool:
    reading, said = judged.reading, dict(body)
    declared = judged.unit
    unit = reading.unit if declared is None or "unit_mismatch" in judged.reasons else declared
    both = reading.device is not None and reading.gateway is not None
    skew_ms = (reading.gateway - reading.device) // 1000 if both else 0  # type: ignore[operator]  # neither is None
    value = None if reading.is_null else judged.value if unit != reading.unit else reading.value
    extra = {name: said.get(name) for name in reading.extra}
    return (
        series_of(said) == reading.series
        and _same_value(said["value"], value)
        and said.get("unit") == unit
        and said["quality"] == CODES[judged.code]
        and set(said.get("quality_reasons") or ()) == judged.reasons
        and said["clock_skew_ms"] == skew_ms
        and extra == reading.extra
        and said.get("metadata", {}) == reading.metadata
    )


def _dead_letters(
    subject: str,
    wanted: Mapping[tuple[int, int, str], Place],
    originals: Mapping[Place, Logged],
    records: list[Logged],
    due: Due,
    differences: Differences,
) -> None:
    """Each with its reason, and as it came."""
    found = {}
    for record in records:
        place = int(record.headers["dlq-partition"]), int(record.headers["dlq-offset"])
        found[*place, record.headers["dlq-reason"].decode()] = record
        original = originals.get(place)
        if original is not None and (original.key, original.value) != (record.key, record.value):
            differences.add(f"{subject}: not as it came", place)
    match(subject, wanted, found, due, lambda _, __: True, differences)


def _windows(expected: Expected, outputs: Mapping[str, list[Logged]], due: Due, differences: Differences) -> None:
    found: dict[tuple[str, int, int, int], dict[str, Any]] = {}
    for size in ("1", "10"):
        for record in first_of_each(outputs[size], f"windows of {size} s", differences).values():
            body = body_of(record)
            found[series_of(body), body["size_s"], us_of(body["window_start"]), body["revision"]] = body
    for name, window in expected.windows.items():
        if name not in found:
            if due(window.cause):
                differences.add("windows: lost", f"{name}: {window}")
            continue
        wrong = disagreements(found[name], window.fields, late=window.late)
        if wrong:
            differences.add("windows: wrong", f"{name} by {window.cause}: {'; '.join(wrong)}")
    for name in found.keys() - expected.windows.keys():
        differences.add("windows: not expected", f"{name}: {found[name]}")


def match(
    subject: str, expected: Mapping[Any, Any], found: Mapping[Any, Any], due: Due, same: Any, differences: Differences
) -> None:
    """Everything expected that is due must be found and the same; nothing else may be found.

    What is expected has a `cause`, or the name begins with partition and offset of the record that leads to it.
    """
    for name, one in expected.items():
        if name not in found:
            if due(one.cause if hasattr(one, "cause") else name[:2]):
                differences.add(f"{subject}: lost", f"{name}: {one}")
        elif not same(one, found[name]):
            differences.add(f"{subject}: wrong", f"{name}\n      expected {one}\n      found    {found[name]}")
    for name in found.keys() - expected.keys():
        differences.add(f"{subject}: not expected", f"{name}: {found[name]}")
