"""Records of the output topics as agents make them, and cuts of them as the flow does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ironstream.contract import ID_HEADER
from ironstream.sinks.sink import Cut, Part, Sink
from tests.support.engine import MemoryRecord, chunk, record

START = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)


def iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reading(number: int, parameter: str = "temperature", **changes: Any) -> MemoryRecord:
    """The clean reading of raw record `number` of partition 0, a second after the one before it."""
    time = changes.pop("at", START + timedelta(seconds=number))
    fields: dict[str, Any] = {
        "schema_version": 1,
        "tenant_id": "acme",
        "site_id": "north",
        "asset_id": "pump-1",
        "parameter": parameter,
        "value": number / 4,
        "unit": "degC",
        "quality": "GOOD",
        "timestamps": {
            "device_time": iso(time),
            "gateway_time": iso(time + timedelta(milliseconds=20)),
            "kafka_time": iso(time + timedelta(milliseconds=30)),
        },
        "metadata": {"pipeline_id": "p", "adapter_id": "a", "boot": "b", "seq": number + 1},
        "quality_reasons": [],
        "clock_skew_ms": 20,
        "topology_version": 3,
    }
    return _record(number, fields | changes, f"telemetry.raw/0/{number}")


def window(
    number: int, revision: int = 0, final: bool = True, offset: int | None = None, **values: Any
) -> MemoryRecord:
    """The aggregate of minute `number`."""
    begin = START + timedelta(minutes=number)
    fields = {
        "schema_version": 1,
        "tenant_id": "acme",
        "site_id": "north",
        "asset_id": "pump-1",
        "parameter": "temperature",
        "unit": "degC",
        "window_start": iso(begin),
        "window_end": iso(begin + timedelta(minutes=1)),
        "size_s": 60,
        "revision": revision,
        "final": final,
        "aggregates": {
            "avg": 2.5, "min": 1.0, "max": 4.0, "stddev": 1.1, "count": 4, "p50": 2.5, "p95": 3.8, "p99": 3.9,
            "first": 1.0, "last": 4.0, "time_weighted_avg": 2.4,
        } | values,
        "percentile_method": "exact",
        "quality_summary": {
            "good_samples": 4, "suspect_samples": 0, "uncertain_samples": 0, "bad_samples": 0, "pct_good": 100.0,
        },
        "topology_version": 3,
    }  # fmt: skip
    return _record(
        number if offset is None else offset, fields, f"acme/north/pump-1/temperature/60/{number}/{revision}"
    )


def transition(
    number: int, state: str = "ACTIVE", occurrence: str = "o-1", offset: int = 0, **changes: Any
) -> MemoryRecord:
    """Transition `number` of an occurrence of an alarm."""
    time = iso(START + timedelta(seconds=number))
    fields: dict[str, Any] = {
        "alarm_id": "pump-1/overheat", "occurrence_id": occurrence, "transition": number, "tenant_id": "acme",
        "site_id": "north", "asset_id": "pump-1", "parameter": "temperature", "type": "overheat", "severity": "HIGH",
        "state": state, "previous_state": None, "raised_at": iso(START), "acked_at": None, "acked_by": None,
        "cleared_at": time if state == "CLEARED" else None, "time": time, "message": "too hot: 91 °C", "value": 91.5,
        "threshold": 90.0, "unit": "degC", "actor": None, "comment": None, "reason": None, "until": None, "count": 1,
        "evidence": {"topic": "telemetry.raw", "partition": 0, "offset": 12, "rule_id": "hot", "topology_version": 3},
        "schema_version": 1,
    }  # fmt: skip
    return _record(offset or number, fields | changes, f"{occurrence}/{number}")


def event(number: int, **changes: Any) -> MemoryRecord:
    """An event with the id `event-NUMBER`."""
    fields = {
        "asset_id": "pump-1", "type": "state", "tenant_id": "acme", "site_id": "north", "from": "idle",
        "to": {"mode": "run", "rpm": 1500}, "timestamps": {"device_time": iso(START + timedelta(seconds=number))},
        "details": {"why": "start"}, "schema_version": 1,
    }  # fmt: skip
    return _record(number, fields | changes, f"event-{number}")


def _record(offset: int, fields: dict[str, Any], identity: str) -> MemoryRecord:
    value = json.dumps(fields, ensure_ascii=False).encode()
    return record(offset, b"acme/north/pump-1", value, 0, [(ID_HEADER, identity.encode())])


def cut(sink: Sink[Any], topic: str, *chunks: Sequence[MemoryRecord]) -> Cut[Any]:
    """A cut of chunks of partition 0, prepared by the sink."""
    parts = []
    for records in chunks:
        one = chunk(topic, records)
        parts.append(Part(topic, 0, records[0].offset, one.next_offset, sink.prepare(one), one))
    return Cut(topic, parts)
