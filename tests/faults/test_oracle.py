"""The judge is judged: it agrees with the agents on logs in memory, and finds each kind of fault in the outputs."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from agents.alarms import AlarmsPartition
from agents.events import EventsPartition
from agents.live_topology import Topology
from agents.telemetry import TelemetryPartition
from ironstream.engine.api import Chunk, PartitionLogic
from ironstream.engine.control import TICK
from ironstream.topology import check_text, compile_topology
from tests.support.engine import MemoryRecord, MemoryStore, RecordedOutputs
from tests.support.faults import compare
from tests.support.faults.compare import Differences
from tests.support.faults.journal import Journal
from tests.support.faults.load import Message, Plant
from tests.support.faults.oracle import Logged, oracle_of
from tests.support.faults.plant import EVENT_ALARMS, PARAMETERS, SITE, asset_name, topology_yaml
from tests.support.faults.poison import KINDS
from tests.support.faults.signals import Signals
from tests.support.oracle.events import EventsOracle
from tests.support.oracle.telemetry import Oracle
from tests.support.oracle.wire import parse

ASSETS = 4
START_US = 1_700_000_000_000_000
Log = list[MemoryRecord]
Outputs = dict[str, list[Logged]]


class Logs:
    """The three raw topics of a plant of one partition, with outages after which a backlog comes at once."""

    def __init__(self, seed: int, steps: int) -> None:
        self.telemetry: Log = []
        self.events: Log = []
        self.alarms: Log = []
        plant, signals, rnd = Plant(ASSETS, seed), Signals(ASSETS, seed), random.Random(seed)
        backlog: list[Message] = []
        outage, now_us = 0, START_US
        for step in range(steps):
            now_us += plant.step_us
            backlog += plant.step(now_us)
            outage = outage - 1 if outage else rnd.randrange(20, 200) * (rnd.random() < 0.01)
            if not outage:
                self._add(self.telemetry, now_us, backlog)
                backlog = []
            self._add(self.events, now_us, signals.events(now_us))
            self._add(self.alarms, now_us, signals.alarms(now_us))
            if step % 10 == 0:
                self.tick(now_us)
        self._add(self.telemetry, now_us, plant.flush())
        for second in range(20):
            self.tick(now_us + 1_000_000 * second)

    def tick(self, now_us: int) -> None:
        for log in (self.telemetry, self.events, self.alarms):
            log.append(MemoryRecord(len(log), now_us // 1000 + 50, b"ironstream.control", TICK))

    def _add(self, log: Log, now_us: int, messages: list[Message]) -> None:
        for one in messages:
            log.append(MemoryRecord(len(log), now_us // 1000 + 50, one.key, one.value))


def process(
    make: Callable[[MemoryStore, Topology], PartitionLogic], topic: str, log: Log, seed: int
) -> RecordedOutputs:
    """An agent's outputs for a log in random chunks, with restarts between some of them."""
    model = check_text(topology_yaml(ASSETS).encode()).topology
    assert model is not None
    topology, rnd = compile_topology(model), random.Random(seed)
    store, out = MemoryStore(), RecordedOutputs()
    agent, at = make(store, topology), 0
    while at < len(log):
        size = rnd.choice([1, 5, 50, 500])
        agent.apply(Chunk(topic, 0, log[at : at + size]), out)
        at += size
        if rnd.random() < 0.05:
            agent.flush()
            agent = make(store, topology)
    return out


def to(out: RecordedOutputs, topic: str) -> list[Logged]:
    return [Logged(0, i, s.timestamp_ms, s.key, s.value, dict(s.headers)) for i, s in enumerate(out.to(topic))]


def logged(log: Log) -> list[Logged]:
    return [Logged(0, one.offset, one.timestamp, one.key, one.value) for one in log]


def outputs_of(logs: Logs, seed: int) -> dict[str, Outputs]:
    """What the three agents make of their logs."""
    readings = process(lambda s, t: TelemetryPartition(s, 0, t, 1), "telemetry.raw", logs.telemetry, seed)
    events = process(lambda s, t: EventsPartition(s, 0, t), "events.raw", logs.events, seed)
    alarms = process(lambda s, t: AlarmsPartition(s, 0, t), "alarms.raw", logs.alarms, seed)
    return {
        "telemetry": {
            "clean": to(readings, "telemetry.clean"),
            "dlq": to(readings, "dlq.invalid_telemetry"),
            "1": to(readings, "telemetry.1s"),
            "10": to(readings, "telemetry.10s"),
            "alarms": to(readings, "alarms.raw"),
            "events": to(readings, "events.clean"),
            "statuses": to(readings, "events.raw"),
        },
        "events": {
            "events": to(events, "events.clean"),
            "dlq": to(events, "dlq.invalid_events"),
            "alarms": to(events, "alarms.raw"),
        },
        "alarms": {
            "journal": to(alarms, "alarms.clean"),
            "audit": to(alarms, "audit_trail"),
            "dlq": to(alarms, "dlq.invalid_alarms"),
        },
    }


def with_conditions(logs: Logs, seed: int) -> Logs:
    """The logs with what the agents write to them: machine status, and conditions, some of these twice."""
    readings = outputs_of(logs, seed)["telemetry"]
    logs.events = merged(logs.events, readings["statuses"])
    rnd = random.Random(seed)
    told = readings["alarms"] + outputs_of(logs, seed)["events"]["alarms"]
    logs.alarms = merged(logs.alarms, [one for one in told for _ in range(2 if rnd.random() < 0.1 else 1)])
    return logs


def merged(log: Log, more: list[Logged]) -> Log:
    records = sorted([*logged(log), *more], key=lambda one: one.timestamp)
    return [MemoryRecord(at, one.timestamp, one.key, one.value) for at, one in enumerate(records)]


def judge(logs: Logs) -> tuple[Oracle, EventsOracle, Journal]:
    declared = {0: [f"default/{SITE}/{asset_name(n)}/{parameter}" for n in range(ASSETS) for parameter in PARAMETERS]}
    oracle, events, journal = oracle_of(ASSETS, declared), EventsOracle(EVENT_ALARMS), Journal()
    for record in logged(logs.telemetry):
        oracle.feed(record)
    for record in logged(logs.events):
        events.feed(record)
    for record in logged(logs.alarms):
        journal.feed(record)
    return oracle, events, journal


Judged = tuple[Oracle, EventsOracle, Journal]


def differences(logs: Logs, outputs: dict[str, Outputs], judged: Judged | None = None) -> Differences:
    oracle, events, journal = judged or judge(logs)
    found = Differences()
    always = compare.processed_before({0: 1 << 62})
    compare.telemetry(oracle.expected, logged(logs.telemetry), outputs["telemetry"], always, found)
    compare.events(events, logged(logs.events), outputs["events"], always, found)
    compare.journal(journal, logged(logs.alarms), outputs["alarms"], always, found)
    return found


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
