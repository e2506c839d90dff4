"""What records of the output topics say, as the agents write it: of pump-1 of acme's north works, but for `fields`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ironstream.domain.times import EPOCH, MICROSECOND, to_iso

START = datetime(2025, 11, 21, 12, tzinfo=UTC)
START_US = (START - EPOCH) // MICROSECOND
MINUTE_US = 60_000_000

Body = dict[str, Any]
_WHO = {"tenant_id": "acme", "site_id": "north-works", "asset_id": "pump-1"}
_SERIES = _WHO | {"parameter": "temperature", "unit": "degC"}


def at(seconds: float) -> str:
    """Time of the wire, so long after the start."""
    return to_iso(START_US + round(seconds * 1_000_000))


def reading(seconds: float, value: float | None, **fields: Any) -> Body:
    """A clean reading; it came to the gateway 20 ms later, to Kafka 30 ms."""
    stamps = {"device_time": at(seconds), "gateway_time": at(seconds + 0.02), "kafka_time": at(seconds + 0.03)}
    body: Body = {
        "schema_version": 1, "value": value, "quality": "GOOD", "quality_reasons": [], "classification": "TELEMETRY",
        "timestamps": stamps, "clock_skew_ms": 20, "topology_version": 3,
    }  # fmt: skip
    return _SERIES | body | fields


def aggregate(
    minute: float, revision: int = 0, *, size_s: int = 60, aggregates: Mapping[str, Any] | None = None, **fields: Any
) -> Body:
    """A window that begins so many minutes after the start; `aggregates` are some of its values."""
    values = {
        "avg": 20.0 + revision, "min": 10.0, "max": 30.0, "stddev": 1.0, "count": 60, "p50": 20.0, "p95": 29.0,
        "p99": 29.9, "first": 10.0, "last": 30.0, "time_weighted_avg": 20.5,
    }  # fmt: skip
    body: Body = {
        "schema_version": 1, "window_start": at(minute * 60), "window_end": at(minute * 60 + size_s), "size_s": size_s,
        "revision": revision, "final": False, "aggregates": values | dict(aggregates or {}),
        "percentile_method": "exact", "topology_version": 3,
        "quality_summary": {
            "good": 60, "suspect": 0, "uncertain": 0, "bad": 0, "pct_good": 100.0,
        },
    }  # fmt: skip
    return _SERIES | body | fields


def transition(
    number: int, state: str, occurrence: str = "o-1", *, seconds: float | None = None, **fields: Any
) -> Body:
    """Transition `number` of the alarm `overheat`, as many seconds after the start."""
    time = at(number if seconds is None else seconds)
    body: Body = {
        "schema_version": 1, "alarm_id": "acme/north-works/pump-1/overheat", "occurrence_id": occurrence,
        "transition": number, "type": "overheat", "severity": "HIGH", "state": state, "previous_state": None,
        "raised_at": at(0), "acked_at": None, "acked_by": None, "cleared_at": time if state == "CLEARED" else None,
        "time": time, "message": "too hot: 91 °C", "value": 91.5, "threshold": 90.0, "actor": None, "comment": None,
        "reason": None, "until": None, "count": 1,
        "evidence": {"topic": "telemetry.raw", "partition": 0, "offset": 12, "rule_id": "hot", "topology_version": 3},
    }  # fmt: skip
    return _SERIES | body | fields


def event(seconds: float, **fields: Any) -> Body:
    """It went from idle to running."""
    body: Body = {"schema_version": 1, "type": "state", "from": "idle", "to": "running"}
    return _WHO | body | {"timestamps": {"device_time": at(seconds)}} | fields
