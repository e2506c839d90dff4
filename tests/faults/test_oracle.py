"""The judge is judged: it agrees with the agent on a log in memory, and finds each kind of fault in the outputs."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from agents.telemetry import TelemetryPartition
from ironstream.engine.api import Chunk, Records
from ironstream.engine.control import TICK
from ironstream.topology import check_text, compile_topology
from tests.support.engine import MemoryRecord, MemoryStore, RecordedOutputs
from tests.support.faults.compare import telemetry
from tests.support.faults.oracle import Logged
from tests.support.faults.plant import PARAMETERS, SITE, Plant, asset_name, topology_yaml

ASSETS = 4
START_US = 1_700_000_000_000_000
TOPICS = {
    "clean": "telemetry.clean",
    "dlq": "dlq.invalid_telemetry",
    "1": "telemetry.1s",
    "10": "telemetry.10s",
    "alarms": "alarms.raw",
}
Outputs = dict[str, list[Logged]]


def make_log(seed: int, steps: int) -> list[MemoryRecord]:
    """A log with outages of the gateway, after which its backlog comes at once."""
    plant, rnd = Plant(ASSETS, seed), random.Random(seed)
    log: list[MemoryRecord] = []
    backlog: list[tuple[bytes, bytes]] = []
    outage, now_us = 0, START_US
    for step in range(steps):
        now_us += plant.step_us
        backlog += plant.step(now_us)
        outage = outage - 1 if outage else rnd.randrange(20, 200) * (rnd.random() < 0.01)
        if not outage:
            log += [MemoryRecord(len(log) + at, now_us // 1000 + 50, *one) for at, one in enumerate(backlog)]
            backlog = []
        if step % 10 == 0:
            log.append(MemoryRecord(len(log), now_us // 1000 + 50, b"ironstream.control", TICK))
    log += [MemoryRecord(len(log) + at, now_us // 1000 + 50, *one) for at, one in enumerate(plant.flush())]
    for second in range(20):
        log.append(MemoryRecord(len(log), now_us // 1000 + 1000 * second, b"ironstream.control", TICK))
    return log


def process(log: list[MemoryRecord], seed: int) -> Outputs:
    """The agent's outputs for a log in random chunks, with restarts between some of them."""
    compiled = check_text(topology_yaml(ASSETS).encode()).topology
    assert compiled is not None
    topology, rnd = compile_topology(compiled), random.Random(seed)
    store, out = MemoryStore(), RecordedOutputs()
    agent, at = TelemetryPartition(store, 0, topology, 1), 0
    while at < len(log):
        size = rnd.choice([1, 5, 50, 500])
        agent.apply(Chunk("telemetry.raw", 0, Records.of(log[at : at + size])), out)
        at += size
        if rnd.random() < 0.05:
            agent.flush()
            agent = TelemetryPartition(store, 0, topology, 1)
    return {
        name: [Logged(0, i, s.timestamp_ms, s.key, s.value, dict(s.headers)) for i, s in enumerate(out.to(topic))]
        for name, topic in TOPICS.items()
    }


def differences(log: list[MemoryRecord], outputs: Outputs) -> set[str]:
    declared = {0: [f"default/{SITE}/{asset_name(n)}/{parameter}" for n in range(ASSETS) for parameter in PARAMETERS]}
    records = [Logged(0, one.offset, one.timestamp, one.key, one.value) for one in log]
    return set(telemetry(records, outputs, {0: len(log)}, declared)[1].by_subject)


@cache
def example() -> tuple[list[MemoryRecord], Outputs]:
    log = make_log(1, 300)
    return log, process(log, 1)


@pytest.mark.parametrize("seed", range(3))
def test_it_agrees_with_the_agent_however_the_log_is_cut(seed: int) -> None:
    log = make_log(seed, 500)

    assert differences(log, process(log, seed)) == set()


def changed(record: Logged, **fields: object) -> Logged:
    return replace(record, value=json.dumps(json.loads(record.value or b"{}") | fields).encode())


def counted_twice(record: Logged) -> Logged:
    values = json.loads(record.value or b"{}")["aggregates"]
    return changed(record, aggregates=values | {"count": values["count"] + 1})


FAULTS: dict[str, tuple[str, Callable[[list[Logged]], list[Logged]]]] = {
    "clean: lost": ("clean", lambda found: found[:50] + found[51:]),
    "clean: not expected": (
        "clean",
        lambda found: [*found, replace(found[0], headers={"ironstream-id": b"telemetry.raw/0/999999"})],
    ),
    "clean: wrong": ("clean", lambda found: [changed(found[0], value=-1.0), *found[1:]]),
    "clean: a repeat differs": ("clean", lambda found: [*found, changed(found[0], clock_skew_ms=12345)]),
    "clean without an id": ("clean", lambda found: [*found, replace(found[0], headers={})]),
    "dead letters: lost": ("dlq", lambda found: found[1:]),
    "windows: lost": ("1", lambda found: found[1:]),
    "windows: wrong": ("10", lambda found: [counted_twice(found[0]), *found[1:]]),
    "conditions: lost": ("alarms", lambda found: found[:-1]),
    "conditions: wrong": ("alarms", lambda found: [changed(found[0], state="CLEARED"), *found[1:]]),
}


@pytest.mark.parametrize("subject", FAULTS)
def test_it_finds_what_is_lost_or_counted_twice(subject: str) -> None:
    log, outputs = example()
    topic, spoil = FAULTS[subject]

    assert differences(log, outputs | {topic: spoil(outputs[topic])}) == {subject}


def test_a_repeat_that_is_the_same_is_no_fault() -> None:
    log, outputs = example()

    assert differences(log, {name: found + found[-20:] for name, found in outputs.items()}) == set()
