"""Records of the output topics, as the agents write them, and cuts of them as a sink gets them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ironstream.contract import ID_HEADER
from ironstream.domain.times import to_iso
from ironstream.sinks.sink import Cut, Part, Sink
from tests.support.engine import MemoryRecord, chunk, record

START_US = 1_763_700_000_000_000
"""2025-11-21 04:40:00 UTC, the begin of a minute."""
MINUTE_US = 60_000_000


def at(seconds: float) -> str:
    """Time of the wire, so long after the start."""
    return to_iso(START_US + round(seconds * 1_000_000))


def reading(
    offset: int, seconds: float, value: float | None, *, raw: tuple[int, int] | None = None, **more: Any
) -> MemoryRecord:
    """A clean reading of acme/north-works/pump-1/temperature; `raw` is the (partition, offset) that it was made of."""
    body = {
        "schema_version": 1, "tenant_id": "acme", "site_id": "north-works", "asset_id": "pump-1",
        "parameter": "temperature", "value": value, "unit": "degC", "quality": "GOOD", "classification": "TELEMETRY",
        "timestamps": {"device_time": at(seconds), "gateway_time": at(seconds + 0.25)},
    } | more  # fmt: skip
    partition, raw_offset = raw or (0, offset)
    return _record(offset, body, f"telemetry.raw/{partition}/{raw_offset}")


def aggregate(offset: int, minute: int, revision: int = 0, *, size_s: int = 60, **more: Any) -> MemoryRecord:
    """A window of acme/north-works/pump-1/temperature, `minute` minutes after the start."""
    values = {"avg": 20.0 + revision, "min": 10.0, "max": 30.0, "stddev": 1.0, "count": 60, "p50": 20.0, "p95": 29.0,
              "p99": 29.9, "first": 10.0, "last": 30.0, "time_weighted_avg": 20.5}  # fmt: skip
    body = {
        "schema_version": 1, "tenant_id": "acme", "site_id": "north-works", "asset_id": "pump-1",
        "parameter": "temperature", "unit": "degC", "window_start": at(minute * 60),
        "window_end": at(minute * 60 + size_s), "size_s": size_s, "revision": revision, "final": False,
        "aggregates": values | more.pop("aggregates", {}), "percentile_method": "exact",
        "quality_summary": {"good_samples": 60, "suspect_samples": 0, "uncertain_samples": 0, "bad_samples": 0,
                            "pct_good": 100.0},
        "topology_version": 1,
    } | more  # fmt: skip
    return _record(offset, body, f"{offset}")


def transition(offset: int, occurrence: str, number: int, state: str, **more: Any) -> MemoryRecord:
    """A transition of the alarm `overheat` of pump-1, `number` seconds after the start."""
    body = {
        "schema_version": 1, "alarm_id": "acme/north-works/pump-1/overheat", "occurrence_id": occurrence,
        "transition": number, "tenant_id": "acme", "site_id": "north-works", "asset_id": "pump-1",
        "parameter": "temperature", "type": "overheat", "severity": "HIGH", "state": state, "previous_state": None,
        "raised_at": at(0), "acked_at": None, "acked_by": None, "cleared_at": None, "time": at(number),
        "message": "too hot", "value": 91.5, "threshold": 90.0, "unit": "degC", "actor": None, "comment": None,
        "reason": None, "until": None, "count": 1,
        "evidence": {"topic": "telemetry.raw", "partition": 0, "offset": 7, "rule_id": "overheat"},
    } | more  # fmt: skip
    return _record(offset, body, f"{occurrence}/{number}")


def event(offset: int, seconds: float, **more: Any) -> MemoryRecord:
    """An event of pump-1: it went from idle to running."""
    body = {
        "schema_version": 1, "tenant_id": "acme", "site_id": "north-works", "asset_id": "pump-1", "type": "state",
        "from": "idle", "to": "running", "timestamps": {"device_time": at(seconds)},
    } | more  # fmt: skip
    return _record(offset, body, f"state/acme/north-works/pump-1/{START_US + round(seconds * 1_000_000)}")


def cut_of(sink: Sink[Any], topic: str, *chunks: Sequence[MemoryRecord], partition: int = 0) -> Cut[Any]:
    """What the flow makes of fetched chunks."""
    parts = []
    for records in chunks:
        fetched = chunk(topic, records, partition)
        first = int(fetched.records.offsets[0])
        parts.append(Part(topic, partition, first, fetched.next_offset, sink.prepare(fetched), fetched))
    return Cut(topic, parts)


def _record(offset: int, body: dict[str, Any], name: str) -> MemoryRecord:
    key = f"{body['tenant_id']}/{body['site_id']}/{body['asset_id']}".encode()
    return record(offset, key, json.dumps(body).encode(), START_US // 1000 + offset, [(ID_HEADER, name.encode())])
