"""The judge is judged: it agrees with the agents on logs in memory, and finds each kind of fault in the outputs."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from tests.support.faults.in_memory import Judged, Logs, Outputs, differences, judge, outputs_of, with_conditions
from tests.support.faults.oracle import Logged
from tests.support.faults.poison import KINDS
from tests.support.oracle.wire import parse


@cache
def example() -> tuple[Logs, dict[str, Outputs], Judged]:
    logs = with_conditions(Logs(1, 400), 1)
    return logs, outputs_of(logs, 2), judge(logs)


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_the_agents_however_the_logs_are_cut(seed: int) -> None:
    logs = with_conditions(Logs(seed, 500), seed)

    found = differences(logs, outputs_of(logs, seed + 100))

    assert not found, f"\n{found}"


def test_the_load_has_every_kind_of_trouble() -> None:
    _, _, (oracle, events, journal) = example()
    seen = oracle.expected

    assert {why for reasons in seen.refused.values() for why in reasons} == {
        "malformed", "time_out_of_range", "rate_limited", "not_a_number", "range", "device_quality",
    }  # fmt: skip
    assert {reason for judged in seen.clean.values() for reason in judged.reasons} >= {
        "no_device_time", "clock_skew", "range", "rate_of_change", "stuck", "unit_mismatch", "not_a_number",
    }  # fmt: skip
    assert seen.duplicates
    assert seen.statuses
    assert {kind for kind, _, _ in seen.events} >= {"too_late", "gap", "clock_skew"}
    assert {rule for _, rule, _ in seen.changes} >= {"hot", "surge", "jump", "dry", "silent"}
    assert max(revision for _, _, _, revision in seen.windows) > 0
    assert any(one.reading.extra for one in seen.clean.values())
    assert events.clean
    assert events.dropped
    assert set(events.refused.values()) == {"malformed", "time_out_of_range"}
    assert {rule for _, rule, _ in events.changes} == {"stopped", "tripped"}
    states = {entry.state for entries in journal.entries.values() for entry in entries}
    assert states == {"ACTIVE", "ACKNOWLEDGED", "CLEARED", "CLEARED_UNACKED", "SUPPRESSED"}
    assert {outcome for outcome, _ in journal.outcomes.values()} == {"accepted", "rejected", "repeated"}
    assert journal.repeats
    assert journal.refused


@pytest.mark.parametrize("kind", KINDS)
def test_poison_of_every_kind_is_no_reading(kind: str) -> None:
    rnd = random.Random(kind)
    for _ in range(20):
        parsed = parse(KINDS[kind](rnd))
        assert parsed.malformed
        assert not parsed.readings


def changed(record: Logged, **fields: object) -> Logged:
    return replace(record, value=json.dumps(json.loads(record.value or b"{}") | fields).encode())


def but_one(find: Callable[[dict[str, object]], bool], **fields: object) -> Callable[[list[Logged]], list[Logged]]:
    """Changes fields of the first record that is like this."""

    def spoil(found: list[Logged]) -> list[Logged]:
        at = next(at for at, record in enumerate(found) if find(json.loads(record.value or b"{}")))
        return [*found[:at], changed(found[at], **fields), *found[at + 1 :]]

    return spoil


def aggregates(record: Logged, name: str, more: float) -> Logged:
    values = json.loads(record.value or b"{}")["aggregates"]
    return changed(record, aggregates=values | {name: values[name] + more})


def reason(record: Logged, text: bytes) -> Logged:
    return replace(record, headers=record.headers | {"dlq-reason": text})


def anything(_: dict[str, object]) -> bool:
    return True


Spoil = Callable[[list[Logged]], list[Logged]]
FAULTS: list[tuple[str, str, set[str], Spoil]] = [
    ("telemetry", "clean", {"clean: lost"}, lambda found: found[:50] + found[51:]),
    ("telemetry", "clean", {"clean: not expected"},
     lambda found: [*found, replace(found[0], headers={"ironstream-id": b"telemetry.raw/0/999999"})]),
    ("telemetry", "clean", {"clean: wrong"}, lambda found: [changed(found[0], value=-1.0), *found[1:]]),
    ("telemetry", "clean", {"clean: wrong"}, but_one(lambda body: body["quality"] == "SUSPECT", quality="GOOD")),
    ("telemetry", "clean", {"clean: wrong"}, but_one(lambda body: "quality_reasons" in body, quality_reasons=["x"])),
    ("telemetry", "clean", {"clean: wrong"}, but_one(lambda body: body.get("unit") == "degC", unit="degF")),
    ("telemetry", "clean", {"clean: wrong"}, but_one(lambda body: "shift" in body, shift=None)),
    ("telemetry", "clean", {"clean: wrong"}, but_one(anything, metadata={"boot": "another", "seq": 1})),
    ("telemetry", "clean", {"clean: wrong"}, but_one(anything, clock_skew_ms=12345)),
    ("telemetry", "clean", {"clean: a repeat differs"}, lambda found: [*found, changed(found[0], clock_skew_ms=12345)]),
    ("telemetry", "clean", {"clean without an id"}, lambda found: [*found, replace(found[0], headers={})]),
    ("telemetry", "dlq", {"dead letters: lost"}, lambda found: found[1:]),
    ("telemetry", "dlq", {"dead letters: lost", "dead letters: not expected"},
     lambda found: [reason(found[0], b"because"), *found[1:]]),
    ("telemetry", "dlq", {"dead letters: not as it came"}, lambda found: [replace(found[0], value=b"x"), *found[1:]]),
    ("telemetry", "1", {"windows: lost"}, lambda found: found[1:]),
    ("telemetry", "10", {"windows: wrong"}, lambda found: [aggregates(found[0], "count", 1), *found[1:]]),
    ("telemetry", "1", {"windows: wrong"}, lambda found: [aggregates(found[0], "p99", 0.01), *found[1:]]),
    ("telemetry", "1", {"windows: wrong"}, lambda found: [aggregates(found[0], "stddev", 0.01), *found[1:]]),
    ("telemetry", "alarms", {"conditions: lost"}, lambda found: found[:-1]),
    ("telemetry", "alarms", {"conditions: wrong"}, but_one(lambda body: body["state"] == "ACTIVE", state="CLEARED")),
    ("telemetry", "events", {"events found: lost"}, lambda found: found[1:]),
    ("telemetry", "events", {"events found: wrong"}, but_one(lambda body: body["type"] == "gap", details={})),
    ("telemetry", "statuses", {"statuses: lost"}, lambda found: found[1:]),
    ("telemetry", "statuses", {"statuses: wrong"}, but_one(anything, status="off")),
    ("events", "events", {"events: lost"}, lambda found: found[1:]),
    ("events", "events", {"events: wrong"}, but_one(lambda body: body["type"] == "mode", to="off")),
    ("events", "dlq", {"refused events: lost"}, lambda found: found[1:]),
    ("events", "alarms", {"conditions on events: lost"}, lambda found: found[1:]),
    ("events", "alarms", {"conditions on events: wrong"}, but_one(anything, time="2023-11-14T22:13:20Z")),
    ("alarms", "journal", {"transitions: lost"}, lambda found: found[:-1]),
    ("alarms", "journal", {"transitions: wrong"}, but_one(lambda body: body["state"] == "SUPPRESSED", state="ACTIVE")),
    ("alarms", "journal", {"transitions: wrong time"}, but_one(anything, time="2023-11-14T22:13:20Z")),
    ("alarms", "audit", {"audit: lost"}, lambda found: found[1:]),
    ("alarms", "audit", {"audit: wrong"}, but_one(lambda body: body["outcome"] == "accepted", outcome="rejected")),
    ("alarms", "dlq", {"refused alarms: lost"}, lambda found: found[1:]),
]  # fmt: skip


@pytest.mark.parametrize(("agent", "topic", "subjects", "spoil"), FAULTS)
def test_it_finds_what_is_lost_or_doubled_or_wrong(agent: str, topic: str, subjects: set[str], spoil: Spoil) -> None:
    logs, outputs, judged = example()
    spoilt = outputs | {agent: outputs[agent] | {topic: spoil(outputs[agent][topic])}}

    assert set(differences(logs, spoilt, judged).by_subject) == subjects


def test_a_repeat_that_is_the_same_is_no_fault() -> None:
    logs, outputs, judged = example()
    twice = {
        agent: {topic: found + found[-20:] for topic, found in topics.items()} for agent, topics in outputs.items()
    }

    assert not differences(logs, twice, judged)
