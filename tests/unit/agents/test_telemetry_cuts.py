"""The telemetry agent's outputs are a function of the log alone: not of its cuts, nor of restarts in between."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.telemetry import TelemetryPartition
from ironstream.contract import CONTROL_KEY
from ironstream.domain.times import to_iso
from ironstream.engine.control import TICK
from ironstream.topology import check_text, compile_topology
from tests.support.engine import MemoryRecord, MemoryStore, RecordedOutputs, chunk

TOPOLOGY = b"""
version: 1
windows:
  - {size_s: 1, grace_s: 2, late_retention_s: 60}
  - {size_s: 10, grace_s: 5, late_retention_s: 120}
  - {size_s: 60, grace_s: 10, late_retention_s: 600}
sites: [{id: north}]
assets:
  - id: pump
    site: north
    max_readings_per_s: 12
    parameters:
      - {name: temperature, unit: degC, expected_interval_s: 1, range: {min: 0, max: 100, action: bad}, max_step: 20,
         stuck_after_s: 5, windows_s: [1, 10, 60]}
      - {name: pressure, unit: bar, range: {min: 0, max: 90, action: suspect}, max_rate: 30}
alarms:
  - {id: hot, type: hot, severity: HIGH, parameter: temperature, condition: {above: 60, deadband: 5}, on_delay_s: 2}
  - {id: fast, type: fast, severity: LOW, parameter: pressure, condition: {rate_of_change: 20}}
  - {id: mean, type: mean, severity: LOW, parameter: temperature, on: aggregate, aggregate: {size_s: 10, field: avg},
     condition: {outside: [20, 70]}}
  - {id: quiet, type: quiet, severity: LOW, asset: pump, condition: {no_data_s: 5}}
  - {id: dead, type: dead, severity: LOW, asset: pump, condition: {quality_bad_s: 1}}
"""
START_US = 1_700_000_000_000_000
topology = compile_topology(check_text(TOPOLOGY).topology)  # type: ignore[arg-type]  # the text above is good


def reading(asset: str, parameter: str, at_us: int, value: Any, seq: int | None, boot: str, **more: Any) -> bytes:
    body: dict[str, Any] = {
        "site_id": "north", "asset_id": asset, "parameter": parameter, "value": value, **more,
        "timestamps": {"device_time": to_iso(at_us), "gateway_time": to_iso(at_us + more.pop("lag", 3000))},
    }  # fmt: skip
    if seq is not None:
        body["metadata"] = {"boot": boot, "seq": seq}
    return json.dumps(body).encode()


values = st.one_of(st.integers(0, 8).map(lambda v: v * 12.5), st.sampled_from([None, -5.0, 50.0, 50.0, 500.0, True]))
steps = st.tuples(
    st.sampled_from(["pump", "pump", "pump", "tank"]),
    st.sampled_from(["temperature", "pressure"]),
    st.sampled_from([100, 200, 700, 1000, 1000, 2500, 9000, -1500, -20_000, -200_000]),  # ms to the next device time
    values,
    st.sampled_from(["next", "next", "next", "next", "repeat", "skip", "none", "boot", "bad", "tick", "null_bad"]),
    st.sampled_from([1, 50, 400, 1500]),  # ms to the next append
)


def log_of(plan: list[tuple[str, str, int, Any, str, int]]) -> list[MemoryRecord]:
    """Records of a plan: a wandering device time, seqs with repeats and holes, ticks, poison pills."""
    records, now_ms, boot = [], START_US // 1000, 0
    time_us: dict[tuple[str, str], int] = {}
    newest: dict[tuple[str, str], int] = {}
    seqs: Counter[tuple[str, str, int]] = Counter()
    for offset, (asset, parameter, step_ms, value, kind, append_ms) in enumerate(plan):
        now_ms += append_ms
        name = (asset, parameter)
        at = newest.get(name, START_US) + step_ms * 1000
        newest[name] = max(newest.get(name, START_US), at)
        time_us[name] = at
        if kind == "tick":
            records.append(MemoryRecord(offset, now_ms, CONTROL_KEY, TICK))
            continue
        if kind == "bad":
            records.append(MemoryRecord(offset, now_ms, b"k", b'{"asset_id": "pump", "parameter": 5}'))
            continue
        boot += kind == "boot"
        more = {}
        if kind == "null_bad":
            value, more = None, {"quality": "BAD"}
        seqs[(*name, boot)] += {"repeat": 0, "skip": 2}.get(kind, 1)
        seq = None if kind == "none" else max(seqs[(*name, boot)], 1)
        body = reading(asset, parameter, at, value, seq, f"b{boot}", **more)
        records.append(MemoryRecord(offset, now_ms, b"k", body))
    return records


def run(records: list[MemoryRecord], cuts: list[int], *, restart: bool) -> tuple[RecordedOutputs, dict[bytes, bytes]]:
    store, out = MemoryStore(), RecordedOutputs()
    partition = TelemetryPartition(store, 0, topology)
    bounds = [0, *sorted({cut % (len(records) + 1) for cut in cuts}), len(records)]
    for first, last in pairwise(bounds):
        if first < last:
            partition.apply(chunk("telemetry.raw", records[first:last]), out)
            if restart:
                partition.flush()
                partition = TelemetryPartition(store, 0, topology)
    partition.flush()
    return out, dict(store.scan(b""))


def by_identity(out: RecordedOutputs) -> Counter[tuple[Any, ...]]:
    return Counter((sent.topic, sent.key, sent.value, sent.headers) for sent in out.sent)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, min_size=1, max_size=120), st.lists(st.integers(0, 120), max_size=12))
def test_any_cut_of_the_log_gives_the_same_outputs(plan: list[Any], cuts: list[int]) -> None:
    records = log_of(plan)
    whole, _ = run(records, [], restart=False)
    assert by_identity(run(records, cuts, restart=False)[0]) == by_identity(whole)
    assert by_identity(run(records, list(range(len(records))), restart=False)[0]) == by_identity(whole)


@settings(max_examples=100, deadline=None)
@given(st.lists(steps, min_size=1, max_size=100), st.lists(st.integers(0, 100), max_size=8))
def test_a_restart_from_the_rows_anywhere_changes_no_output(plan: list[Any], cuts: list[int]) -> None:
    records = log_of(plan)
    whole, _ = run(records, [], restart=False)
    assert by_identity(run(records, cuts, restart=True)[0]) == by_identity(whole)
