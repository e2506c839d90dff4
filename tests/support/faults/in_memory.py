"""The plant in memory: its logs, what the agents make of them in any cut, and what the oracles make of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from agents.alarms import AlarmsPartition
from agents.events import EventsPartition
from agents.live_topology import Topology
from agents.telemetry import TelemetryPartition
from ironstream.engine.api import PartitionLogic
from ironstream.engine.control import TICK
from ironstream.topology import check_text, compile_topology
from tables.views import VIEWS
from tests.support.engine import MemoryRecord, MemoryStore, RecordedOutputs, chunk
from tests.support.faults import compare
from tests.support.faults.compare import Differences
from tests.support.faults.journal import Journal
from tests.support.faults.load import Message, Plant
from tests.support.faults.oracle import Logged, oracle_of
from tests.support.faults.plant import EVENT_ALARMS, PARAMETERS, SITE, asset_name, topology_yaml
from tests.support.faults.signals import Signals
from tests.support.faults.state import Tables
from tests.support.oracle.events import EventsOracle
from tests.support.oracle.telemetry import Oracle

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


@dataclass
class Run:
    """What an agent sent, and the rows that it left."""

    out: RecordedOutputs
    store: MemoryStore


def process(make: Callable[[MemoryStore, Topology], PartitionLogic], topic: str, log: Log, seed: int) -> Run:
    """An agent over a log in random chunks, with restarts between some of them."""
    model = check_text(topology_yaml(ASSETS).encode()).topology
    assert model is not None
    topology, rnd = compile_topology(model), random.Random(seed)
    store, out = MemoryStore(), RecordedOutputs()
    agent, at = make(store, topology), 0
    while at < len(log):
        size = rnd.choice([1, 5, 50, 500])
        agent.apply(chunk(topic, log[at : at + size]), out)
        at += size
        if rnd.random() < 0.05:
            agent.flush()
            agent = make(store, topology)
    agent.flush()
    return Run(out, store)


def run_agents(logs: Logs, seed: int) -> dict[str, Run]:
    """The three agents over their logs."""
    return {
        "telemetry": process(lambda s, t: TelemetryPartition(s, 0, t, 1), "telemetry.raw", logs.telemetry, seed),
        "events": process(lambda s, t: EventsPartition(s, 0, t), "events.raw", logs.events, seed),
        "alarms": process(lambda s, t: AlarmsPartition(s, 0, t), "alarms.raw", logs.alarms, seed),
    }


def tables_of(logs: Logs, seed: int) -> Tables:
    """The tables that they leave."""
    runs = run_agents(logs, seed)
    return {
        view.name: [
            (0, entry) for key, row in runs[view.agent].store.scan(view.prefix) for entry in view.entries(key, row)
        ]
        for view in VIEWS
    }


def to(out: RecordedOutputs, topic: str) -> list[Logged]:
    return [Logged(0, i, s.timestamp_ms, s.key, s.value, dict(s.headers)) for i, s in enumerate(out.to(topic))]


def logged(log: Log) -> list[Logged]:
    return [Logged(0, one.offset, one.timestamp, one.key, one.value) for one in log]


def outputs_of(logs: Logs, seed: int) -> dict[str, Outputs]:
    """What the three agents make of their logs."""
    runs = run_agents(logs, seed)
    readings, events, alarms = runs["telemetry"].out, runs["events"].out, runs["alarms"].out
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
