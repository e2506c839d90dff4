"""Logs of clean data made by hand, cuts of them, and what is found in a store of Parquet files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from ironstream.contract import ID_HEADER
from ironstream.domain.times import to_iso
from ironstream.sinks.s3_parquet.config import S3ParquetConfig
from ironstream.sinks.s3_parquet.kind import store_of
from ironstream.sinks.s3_parquet.sink import S3ParquetSink
from ironstream.sinks.s3_parquet.store import Store
from ironstream.sinks.sink import Cut, Part, SinkContext
from tests.support.engine import MemoryRecord, chunk

NOON_US = 1_795_262_400_000_000  # 2026-11-21T12:00:00Z
DAY_US = 86_400_000_000
TOPICS = ("telemetry.clean", "telemetry.1min", "events.clean", "alarms.clean")


def body(topic: str, at: int, tenant: str = "acme", days: int = 0) -> dict[str, Any]:
    """What record number `at` of a topic says, so many days before 2026-11-21."""
    time = to_iso(NOON_US - days * DAY_US + at * 1_000_000)
    who: dict[str, Any] = {"tenant_id": tenant, "site_id": "north", "asset_id": f"pump-{at % 3}"}
    match topic:
        case "telemetry.clean":
            stamps = {"device_time": time, "gateway_time": time, "kafka_time": time}
            reasons = {"quality": "SUSPECT", "quality_reasons": ["stuck"]} if at % 5 == 0 else {"quality": "GOOD"}
            return who | {"parameter": "speed", "value": at / 2, "unit": "rpm", "timestamps": stamps} | reasons
        case "telemetry.1min":
            window = {"window_start": time, "window_end": time, "size_s": 60, "revision": 0, "final": True}
            values = {"avg": 1.5, "count": 60, "min": 1.0, "max": 2.0}
            quality = {"good_samples": 60, "suspect_samples": 0, "uncertain_samples": 0, "bad_samples": 0}
            return who | window | {"parameter": "speed", "aggregates": values, "quality_summary": quality}
        case "events.clean":
            return who | {"type": "state", "from": "idle", "to": {"mode": at}, "timestamps": {"device_time": time}}
        case "alarms.clean":
            state = {
                "type": "overheat",
                "severity": "HIGH",
                "state": "ACTIVE",
                "previous_state": None,
                "message": "hot",
            }
            name = {"alarm_id": "pump/overheat", "occurrence_id": f"o{at}", "transition": 1, "parameter": None}
            times = {"raised_at": time, "time": time, "acked_at": None, "cleared_at": None, "until": None}
            rest = dict.fromkeys(("acked_by", "threshold", "unit", "actor", "comment", "reason"))
            evidence = {"topic": "telemetry.clean", "partition": 0, "offset": at}
            return who | state | name | times | rest | {"value": 99.5, "count": 1, "evidence": evidence}
    raise ValueError(topic)


def record(offset: int, said: Any, topic: str = "telemetry.clean") -> MemoryRecord:
    """A record with an id, as the agents write it."""
    value = said if isinstance(said, bytes) else json.dumps(said).encode()
    headers = [(ID_HEADER, f"telemetry.raw/3/{offset + 1000}".encode())] if topic == "telemetry.clean" else []
    return MemoryRecord(offset, NOON_US // 1000 + offset, b"key", value, headers)


def log_of(
    count: int, topic: str = "telemetry.clean", tenants: Sequence[str] = ("acme",), days: int = 1
) -> list[MemoryRecord]:
    """A log whose records go round through tenants and days."""
    return [
        record(at, body(topic, at, tenants[at % len(tenants)], at // len(tenants) % days), topic) for at in range(count)
    ]


def cut_of(
    sink: S3ParquetSink,
    records: Sequence[MemoryRecord],
    topic: str = "telemetry.clean",
    chunk_size: int = 1000,
    partition: int = 3,
) -> Cut[Any]:
    """A cut of these records, in chunks."""
    parts = []
    for start in range(0, len(records), chunk_size):
        some = records[start : start + chunk_size]
        prepared = sink.prepare(chunk(topic, some, partition))
        parts.append(Part(topic, partition, some[0].offset, some[-1].offset + 1, prepared))
    return Cut(topic, parts)


def config_of(path: Path | str, **more: Any) -> S3ParquetConfig:
    """A configuration."""
    return S3ParquetConfig.model_validate({"path": str(path), **more})


def sink_of(config: S3ParquetConfig, store: Store | None = None, prefix: str = "") -> S3ParquetSink:
    """A sink, on the store of its configuration or on another."""
    return S3ParquetSink(config, SinkContext("lake", topic_prefix=prefix), store or store_of(config))


def files_below(root: Path) -> list[str]:
    """Paths of the Parquet files, relative, in order."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.parquet"))


def query(root: Path | str, what: str, where: str = "") -> list[tuple[Any, ...]]:
    """Asked of DuckDB, over all files as one dataset."""
    with duckdb.connect() as connection:
        files = f"read_parquet('{root}/**/*.parquet', hive_partitioning=true, union_by_name=true)"
        rows: list[tuple[Any, ...]] = connection.execute(f"SELECT {what} FROM {files} {where}").fetchall()
        return rows


def offsets_in(root: Path) -> list[int]:
    """Offsets of all rows, in order; one that is stored twice is there twice."""
    files = (pq.ParquetFile(root / path) for path in files_below(root))
    return sorted(offset for file in files for offset in file.read(columns=["offset"])["offset"].to_pylist())
