"""Runs the telemetry agent in memory over a log made by hand, and reads what it sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from agents.telemetry import TelemetryPartition
from ironstream.contract import CONTROL_KEY
from ironstream.domain.times import to_iso
from ironstream.engine.control import TICK
from ironstream.topology import check_text, compile_topology
from ironstream.topology.compile import CompiledTopology
from tests.support.engine import MemoryRecord, MemoryStore, RecordedOutputs, chunk
from tests.support.oracle.quality import CODES
from tests.support.oracle.rules import Rules
from tests.support.oracle.telemetry import Logged, Oracle
from tests.support.oracle.windows import Window

START_US = 1_700_000_000_000_000
START_MS = START_US // 1000
AGGREGATES = {"telemetry.1s": 1, "telemetry.10s": 10, "telemetry.1min": 60}


def topology_of(text: str) -> CompiledTopology:
    checked = check_text(text.encode())
    assert checked.topology is not None, checked.faults
    return compile_topology(checked.topology)


def message(at_s: float, value: Any, seq: int | None = None, **more: Any) -> dict[str, Any]:
    """A reading of pump's temperature, `at_s` seconds after the start; `lag_s` is how much later it was read."""
    at_us = START_US + round(at_s * 1_000_000)
    stamps = {"device_time": to_iso(at_us), "gateway_time": to_iso(at_us + round(more.pop("lag_s", 0) * 1_000_000))}
    body = {"asset_id": "pump", "parameter": "temperature", "value": value, "timestamps": stamps}
    if seq is not None:
        body["metadata"] = {"boot": more.pop("boot", "b1"), "seq": seq}
    return body | more


class Log:
    """A log in the making: `add` and `tick` give each record its offset; append times are seconds after the start."""

    def __init__(self) -> None:
        self.records: list[MemoryRecord] = []

    def add(self, append_s: float, body: Any, headers: Sequence[tuple[str, bytes]] = ()) -> int:
        value = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._append(append_s, b"key", value, headers)

    def tick(self, append_s: float) -> int:
        return self._append(append_s, CONTROL_KEY, TICK)

    def _append(self, append_s: float, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> int:
        offset = len(self.records)
        self.records.append(MemoryRecord(offset, START_MS + round(append_s * 1000), key, value, headers))
        return offset


class Outcome:
    """What the agent sent, by kind. `windows` holds the highest revision by (series, size in µs, number)."""

    def __init__(self, out: RecordedOutputs) -> None:
        self.sent = out.sent
        self.clean = {int(_id(sent).split("/")[2]): json.loads(sent.value or b"") for sent in out.to("telemetry.clean")}
        self.dlq = {int(sent.header("dlq-offset") or b""): sent for sent in out.to("dlq.invalid_telemetry")}
        self.events = [json.loads(sent.value or b"") for sent in out.to("events.clean")]
        self.changes = [json.loads(sent.value or b"") for sent in out.to("alarms.raw")]
        self.revisions: dict[tuple[tuple[str, str], int, int], list[dict[str, Any]]] = {}
        for topic, size_s in AGGREGATES.items():
            for sent in out.to(topic):
                said = json.loads(sent.value or b"")
                number = int(_id(sent).split("/")[5]) // (size_s * 1_000_000)
                key = ((said["asset_id"], said["parameter"]), size_s * 1_000_000, number)
                self.revisions.setdefault(key, []).append(said)
        self.windows = {key: max(said, key=lambda one: one["revision"]) for key, said in self.revisions.items()}

    def reason(self, offset: int) -> str:
        return (self.dlq[offset].header("dlq-reason") or b"").decode()


def _id(sent: Any) -> str:
    return (sent.header("ironstream-id") or b"").decode()


def run(
    records: Sequence[MemoryRecord], topology: CompiledTopology, cuts: Sequence[int] = (), *, restart: bool = False
) -> Outcome:
    """The agent over a log, taken in one chunk, or in several; with `restart`, each by an agent made from the rows."""
    store, out = MemoryStore(), RecordedOutputs()
    partition = TelemetryPartition(store, 0, topology)
    bounds = [0, *sorted({cut for cut in cuts if 0 < cut < len(records)}), len(records)]
    for first, last in pairwise(bounds):
        partition.apply(chunk("telemetry.raw", records[first:last]), out)
        if restart:
            partition.flush()
            partition = TelemetryPartition(store, 0, topology)
    partition.flush()
    return Outcome(out)


class Wanted:
    """What the oracle makes of a log, by the names that `Outcome` uses."""

    def __init__(self, oracle: Oracle) -> None:
        expected = oracle.expected
        self.fates: dict[int, tuple[str, str, set[str], float | None]] = {}
        """Per offset: clean, duplicate or dlq; quality, reasons (the DLQ's one), value"""
        for (_, offset, _), one in expected.clean.items():
            value = None if one.reading.is_null else one.value
            self.fates[offset] = ("clean", CODES[one.code], one.reasons, value)
        for _, offset, _ in expected.duplicates:
            self.fates[offset] = ("duplicate", "", set(), None)
        for (_, offset), reasons in expected.refused.items():
            self.fates[offset] = ("dlq", "BAD", reasons, None)
        self.windows: dict[tuple[tuple[str, str], int, int], Window] = {}
        for series in oracle.series[0].values():
            for size, windows in zip(series.windows.sizes, series.windows.closed, strict=True):
                for number, window in windows.items():
                    self.windows[_short(series.memory.name), size.size_s * 1_000_000, number] = window
        self.events = [
            (kind, of.split("/")[2], of.split("/")[3] if of.count("/") == 3 else None, time)
            for kind, of, time in expected.events
        ]
        self.changes = [
            (rule, _short(name), number, one.active, one.time_us)
            for (name, rule, number), one in expected.changes.items()
        ]


def _short(series: str) -> tuple[str, str]:
    _, _, asset, parameter = series.split("/")
    return asset, parameter


def expected(records: Sequence[MemoryRecord], rules: Rules) -> Wanted:
    """What the oracle makes of the same log."""
    oracle = Oracle(rules, {0: list(rules.series)})
    for record in records:
        oracle.feed(Logged(0, record.offset, record.timestamp, record.key, record.value))
    return Wanted(oracle)
