"""The same data in both stores, by the real sinks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ironstream.sinks.postgres.config import PostgresConfig
from ironstream.sinks.postgres.sink import PostgresSink
from ironstream.sinks.s3_parquet.config import S3ParquetConfig
from ironstream.sinks.s3_parquet.kind import S3_PARQUET
from ironstream.sinks.sink import Sink, SinkContext
from tests.support.clean.records import aggregate, cut_of, event, reading, transition
from tests.support.engine import MemoryRecord

HOUR_S = 3600
Log = Mapping[str, Sequence[MemoryRecord]]


def plant_log() -> Log:
    """An hour of two pumps and a boiler, with what makes stores differ: repeats, restated windows, JSON, nulls."""
    readings: list[MemoryRecord] = []
    for second in range(0, HOUR_S, 4):
        at = len(readings)
        readings += [
            reading(at, second, 20 + second / 100),
            reading(at + 1, second, None if second % 40 == 0 else 3.5, parameter="pressure", unit="bar",
                    quality="BAD" if second % 40 == 0 else "GOOD"),
            reading(at + 2, second + 0.5, float(second), asset_id="pump-2", quality="SUSPECT",
                    quality_reasons=["clock_skew", "stuck"], clock_skew_ms=-7000),
        ]  # fmt: skip
    at = len(readings)
    readings += [
        reading(at, 10, 88.0, tenant_id="zeta", asset_id="boiler-1", unit=None),
        reading(at + 1, 10, 89.0, tenant_id="zeta", asset_id="boiler-1", unit=None, raw=(0, 1)),
        # again, as a worker that was killed sends it
        reading(at + 2, 0, 20.0, raw=(0, 0)),
        # a day before, and late
        reading(at + 3, -86_400, 1.0),
    ]
    minutes = [aggregate(minute, minute, aggregates={"avg": 20 + minute / 10, "p99": None}) for minute in range(60)]
    minutes += [aggregate(60, 5, 1, final=True, aggregates={"avg": 99.0}), aggregate(61, 5, 0)]
    hours = [aggregate(0, 0, size_s=3600), aggregate(1, -600, size_s=3600), aggregate(2, -660, size_s=3600)]
    events = [
        event(0, 1, details={"b": 1, "a": [1.0, None, {"z": "ü", "c": 2.5}]}),
        event(1, 2, to=None, value=3, parameter="mode", type="note", **{"from": None}),
        event(2, 1, details={"b": 1, "a": [1.0, None, {"z": "ü", "c": 2.5}]}),
        event(3, 3, asset_id="pump-2"),
    ]
    alarms = [
        transition(0, "o1", 1, "ACTIVE"), transition(1, "o1", 2, "ACKNOWLEDGED", acked_by="kim", value="open"),
        transition(2, "o1", 2, "ACKNOWLEDGED", acked_by="kim", value="open"), transition(3, "o1", 3, "CLEARED"),
        transition(4, "o2", 1, "ACTIVE", asset_id="pump-2", value=None, parameter=None),
    ]  # fmt: skip
    return {
        "telemetry.clean": readings,
        "telemetry.1min": minutes,
        "telemetry.1hour": hours,
        "events.clean": events,
        "alarms.clean": alarms,
    }


async def fill(sink: Sink[Any], log: Log) -> None:
    """Write a log, in two cuts for each topic."""
    await sink.connect()
    for topic, records in log.items():
        middle = len(records) // 2
        for part in (records[:middle], records[middle:]):
            assert list(await sink.write(cut_of(sink, topic, part))) == []
    await sink.close()


def postgres_sink(dsn: str) -> tuple[PostgresConfig, Sink[Any]]:
    """A sink into a database, and its configuration."""
    config = PostgresConfig.model_validate({"dsn": dsn})
    return config, PostgresSink(config, SinkContext("store"))


def parquet_sink(path: Path | str, **more: Any) -> tuple[S3ParquetConfig, Sink[Any]]:
    """A sink into a directory or bucket, and its configuration."""
    config = S3ParquetConfig.model_validate({"path": str(path), **more})
    return config, S3_PARQUET.build(config, SinkContext("archive"))
