"""What the real agents write becomes columns by the fast way, with nothing lost, and the slow way says the same."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironstream.domain.times import to_us
from ironstream.schemas import Schemas
from ironstream.sinks.classes import class_of
from ironstream.sinks.columns import SCHEMAS, aggregates, decode_columns, readings
from ironstream.sinks.sink import Prepared
from tests.support.clean_log import clean_log
from tests.support.engine import MemoryRecord, chunk
from tests.support.telemetry import Log, message, topology_of

TOPOLOGY = topology_of(
    """
version: 1
windows: [{size_s: 1, grace_s: 1}, {size_s: 10, grace_s: 2}, {size_s: 60, grace_s: 5}]
sites: [{id: works, name: "The works, north"}]
assets:
  - id: pump
    site: works
    parameters:
      - {name: temperature, unit: degC, expected_interval_s: 1, range: {min: -50, max: 90, action: suspect},
         windows_s: [1, 10, 60], stuck_after_s: 5}
      - {name: pressure}
alarms:
  - {id: hot, type: hot, severity: HIGH, parameter: temperature, condition: {above: 60}}
  - {id: quiet, type: quiet, severity: LOW, asset: pump, condition: {no_data_s: 5}}
"""
)

bodies = st.builds(
    lambda at, value, seq, parameter, more: message(at / 10, value, seq, **({"site_id": "works"} | more)) | parameter,
    st.integers(0, 1200),
    st.one_of(st.floats(-100, 100), st.none(), st.integers(-3, 80), st.booleans()),
    st.one_of(st.none(), st.integers(1, 30)),
    st.sampled_from([{}, {}, {}, {"parameter": "pressure"}, {"parameter": "Druck am Einlaß"}]),
    st.sampled_from(
        [
            {},
            {},
            {"quality": "BAD"},
            {"unit": "degC"},
            {"lag_s": 20},
            {"colour": {"name": "blue\nand\tgreen", "codes": [1, None]}},
            {"tenant_id": "acme"},
            {"classification": "TELEMETRY"},
        ]
    ),
)
plans = st.lists(st.tuples(bodies, st.sampled_from([0.0, 0.1, 0.7, 3.0])), min_size=1, max_size=30)


def logged(plan: list[tuple[dict[str, Any], float]]) -> dict[str, list[MemoryRecord]]:
    log, now_s = Log(), 0.0
    for body, pause_s in plan:
        now_s += pause_s
        log.add(now_s, body)
    log.tick(now_s + 1000)
    return clean_log(log.records, TOPOLOGY)


def assert_whole(prepared: Prepared[pa.Table], topic: str, records: list[MemoryRecord]) -> None:
    """All rows are there, in their place, with the schema that sinks rely on."""
    data_class = class_of(topic)
    assert data_class is not None
    prepared.rows.validate(full=True)
    assert prepared.rows.schema == SCHEMAS[data_class]
    assert list(prepared.refusals) == []
    assert prepared.places.tolist() == list(range(len(records)))
    assert prepared.rows["offset"].to_pylist() == [record.offset for record in records]
    assert prepared.rows["partition"].to_pylist() == [5] * len(records)


@settings(max_examples=60)
@given(plans)
def test_both_ways_make_the_same_table_of_readings(plan: list[tuple[dict[str, Any], float]]) -> None:
    records = logged(plan)["telemetry.clean"]
    if not records:
        return
    one = chunk("telemetry.clean", records, 5)
    slow = readings._slow(one, Schemas())
    assert_whole(slow, "telemetry.clean", records)
    assert_says_what_the_wire_said(slow.rows, records)
    fast = readings._fast(one)
    plain = [at for at, record in enumerate(records) if is_plain(json.loads(record.value or b""))]
    assert set(plain) <= set(fast.places.tolist()), "what our own agent writes takes the fast way"
    assert fast.rows.to_pylist() == slow.rows.take(pa.array(fast.places)).to_pylist()
    assert readings.decode(one, Schemas()).rows.to_pylist() == slow.rows.to_pylist()


def is_plain(said: dict[str, Any]) -> bool:
    """Whether the fast way is to take it: all that the agent writes, but for unknown fields and odd exponents."""
    return "colour" not in said and (not said["value"] or abs(said["value"]) > 1e-200)


def assert_says_what_the_wire_said(table: pa.Table, records: list[MemoryRecord]) -> None:
    for row, record in zip(table.to_pylist(), records, strict=True):
        said = json.loads(record.value or b"")
        times = said["timestamps"]
        assert row["time"].timestamp() == pytest.approx(to_us(times["device_time"]) / 1e6)
        assert row["value"] == (None if said["value"] is None else float(said["value"]))
        for name in ("asset_id", "parameter", "unit", "quality", "site_name", "machine_type", "topology_version"):
            assert row[name] == said.get(name), name
        assert row["tenant_id"] == said.get("tenant_id", "default")
        assert row["site_id"] == "works"
        assert row["seq"] == said.get("metadata", {}).get("seq")
        assert (row["quality_reasons"] or []) == said.get("quality_reasons", [])
        assert (json.loads(row["extra"]) if row["extra"] else {}) == {n: said[n] for n in ("colour",) if n in said}
        (value,) = (value for name, value in record.headers if name == "ironstream-id")
        assert f"telemetry.raw/{row['raw_partition']}/{row['raw_offset']}" == value.decode()


@settings(max_examples=40)
@given(plans)
def test_both_ways_make_the_same_table_of_windows(plan: list[tuple[dict[str, Any], float]]) -> None:
    log = logged(plan)
    for topic in ("telemetry.1s", "telemetry.10s", "telemetry.1min"):
        records = log[topic]
        if not records:
            continue
        one = chunk(topic, records, 5)
        fast, slow = aggregates._fast(one), aggregates._slow(one)
        assert fast is not None, "what our own agent writes takes the fast way"
        for prepared in (fast, slow):
            assert_whole(prepared, topic, records)
        assert fast.rows.to_pylist() == slow.rows.to_pylist()
        for row, record in zip(fast.rows.to_pylist(), records, strict=True):
            said = json.loads(record.value or b"")
            for name, value in said["aggregates"].items():
                assert row[name] == value, name
            quality = said["quality_summary"]
            assert list(quality) == ["good", "suspect", "uncertain", "bad", "pct_good"]
            for name, value in quality.items():
                assert row[name] == value, name
            for name in ("parameter", "size_s", "revision", "final", "unit", "percentile_method", "topology_version"):
                assert row[name] == said[name], name


@settings(max_examples=40)
@given(plans)
def test_events_and_alarms_of_the_agents_keep_all_that_they_say(plan: list[tuple[dict[str, Any], float]]) -> None:
    log = logged(plan)
    for topic in ("events.clean", "alarms.clean"):
        records = log[topic]
        if not records:
            continue
        prepared = decode_columns(chunk(topic, records, 5), Schemas())
        assert_whole(prepared, topic, records)
        for row, record in zip(prepared.rows.to_pylist(), records, strict=True):
            said = json.loads(record.value or b"")
            for name in set(row) & set(said) - {"time", "raised_at", "acked_at", "cleared_at", "until"}:
                value = row[name]
                if name in ("from", "to", "value", "details"):
                    value = None if value is None else json.loads(value)
                assert value == said[name], name
            if topic == "alarms.clean":
                assert row["time"].timestamp() == pytest.approx(to_us(said["time"]) / 1e6)
                assert row["raised_at"].timestamp() == pytest.approx(to_us(said["raised_at"]) / 1e6)
                assert row["evidence_offset"] == said["evidence"]["offset"]
                assert row["rule_id"] == said["evidence"]["rule_id"]
            else:
                assert row["id"] == dict(record.headers)["ironstream-id"].decode()


def test_the_log_of_these_tests_has_everything_in_it() -> None:
    # a minute is missing in the middle, which is an event
    plan = [
        (
            message(at + 60 * (at >= 30), 70.0 if at % 20 > 10 else 20.0 + at, at + 1, site_id="works"),
            60.0 * (at == 30) + 1,
        )
        for at in range(60)
    ]
    log = logged(plan)
    assert {topic for topic, records in log.items() if records} == set(log)
