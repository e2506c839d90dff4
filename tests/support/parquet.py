"""Logs of clean data made by hand, cuts of them, and what is found in a store of Parquet files."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from ironstream.sinks.s3_parquet.config import S3ParquetConfig
from ironstream.sinks.s3_parquet.sink import S3ParquetSink
from ironstream.sinks.s3_parquet.store import Store
from ironstream.sinks.s3_parquet.stores import store_of
from ironstream.sinks.sink import Cut, SinkContext
from tests.support.clean import bodies
from tests.support.clean.bodies import Body
from tests.support.clean.records import cut_of as cut_of_chunks
from tests.support.clean.records import record_of
from tests.support.engine import MemoryRecord

DAY_S = 86_400
TOPICS = ("telemetry.clean", "telemetry.1min", "events.clean", "alarms.clean")


def body(topic: str, at: int, tenant: str = "acme", days: int = 0) -> Body:
    """What record number `at` of a topic says: of one of three pumps, so many days before the start."""
    seconds = at - days * DAY_S
    who: Body = {"tenant_id": tenant, "site_id": "north", "asset_id": f"pump-{at % 3}"}
    match topic:
        case "telemetry.clean":
            quality = {"quality": "SUSPECT", "quality_reasons": ["stuck"]} if at % 5 == 0 else {}
            return bodies.reading(seconds, at / 2, parameter="speed", unit="rpm", **quality, **who)
        case "telemetry.1min":
            return bodies.aggregate(seconds / 60, final=True, aggregates={"avg": 1.5}, **who)
        case "events.clean":
            return bodies.event(seconds, to={"mode": at}, **who)
        case "alarms.clean":
            return bodies.transition(1, "ACTIVE", f"o{at}", seconds=seconds, value=99.5, **who)
    raise ValueError(topic)


def record(offset: int, said: Body | bytes, topic: str = "telemetry.clean") -> MemoryRecord:
    """A record, of telemetry.clean with the id of a raw record of partition 3."""
    return record_of(offset, said, f"telemetry.raw/3/{offset + 1000}" if topic == "telemetry.clean" else None)


def log_of(
    count: int, topic: str = "telemetry.clean", tenants: Sequence[str] = ("acme",), days: int = 1
) -> list[MemoryRecord]:
    """A log whose records go round through tenants and days."""
    return [
        record(at, body(topic, at, tenants[at % len(tenants)], at // len(tenants) % days), topic) for at in range(count)
    ]


def log_with_repeats(count: int, topic: str = "telemetry.clean", seed: int = 0) -> tuple[list[MemoryRecord], list[int]]:
    """A log of a worker that died now and then and wrote again what it had written last; offsets of what is new."""
    rnd = random.Random(seed)
    records: list[MemoryRecord] = []
    said: list[int] = []
    fresh: list[int] = []
    while len(fresh) < count:
        again = said[-rnd.randint(1, 12) :] if rnd.random() < 0.1 else [len(fresh)]
        for at in again:
            if at == len(fresh):
                fresh.append(len(records))
            said.append(at)
            tenant, days = ("acme", "acme", "zeta")[at % 3], at // 3 % 2
            records.append(_said(len(records), topic, at, tenant, days))
    return records, fresh


def _said(offset: int, topic: str, at: int, tenant: str, days: int) -> MemoryRecord:
    """What a worker writes for its input number `at`; two readings come of each raw record."""
    identity = f"telemetry.raw/3/{1000 + at // 2}" if topic == "telemetry.clean" else f"{topic}/{at}"
    return record_of(offset, body(topic, at, tenant, days), identity)


def cut_of(
    sink: S3ParquetSink,
    records: Sequence[MemoryRecord],
    topic: str = "telemetry.clean",
    chunk_size: int = 1000,
    partition: int = 3,
) -> Cut[Any]:
    """A cut of these records, in chunks."""
    chunks = [records[start : start + chunk_size] for start in range(0, len(records), chunk_size)]
    return cut_of_chunks(sink, topic, *chunks, partition=partition)


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
