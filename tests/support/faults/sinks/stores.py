"""What is stored, read back by means that are not the sinks' own: SQL, and DuckDB over the files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg
import duckdb

from tests.support.faults.compare import Differences
from tests.support.faults.sinks.ledger import (
    ALARM_TEXTS,
    NUMBERS,
    QUALITIES,
    TABLES,
    Expected,
    Key,
    Values,
    canonical_text,
    exact,
    us,
)

Found = list[tuple[Any, Any]]
"""Key and content of every row; one that is there twice is there twice."""
_WHO: Final = "s.tenant_id, s.site_id, s.asset_id, s.parameter"
_QUALITY_NAMES: Final = ("GOOD", "SUSPECT", "UNCERTAIN", "BAD")


async def compare_postgres(dsn: str, schema: str, wanted: Expected, differences: Differences) -> int:
    """Hold what is in a schema against what must be; how many rows are there."""
    connection = await asyncpg.connect(dsn)
    try:
        readings, windows, events, journal, alarms = [
            await found
            for found in (
                _readings(connection, schema), _windows(connection, schema), _events(connection, schema),
                _alarms(connection, schema, "alarm_journal"), _alarms(connection, schema, "alarms"),
            )
        ]  # fmt: skip
    finally:
        await connection.close()
    subject = f"postgres {schema}"
    hold(f"{subject} readings", wanted.newest["readings"], readings, differences)
    hold(f"{subject} aggregates", wanted.newest["aggregates_1min"], windows, differences)
    hold(f"{subject} events", wanted.newest["events"], events, differences)
    hold(f"{subject} alarms", wanted.newest["alarms"], alarms, differences)
    each = {key: (key[1], values) for key, values in wanted.journal.items()}
    hold(f"{subject} journal", each, [((key, rank), (rank, values)) for key, (rank, values) in journal], differences)
    return sum(map(len, (readings, windows, events, journal, alarms)))


def hold(subject: str, wanted: Mapping[Any, Any], found: Found, differences: Differences) -> None:
    """Every wanted row once, with what it must say; nothing else."""
    seen = set()
    for key, content in found:
        if key in seen:
            differences.add(f"{subject}: doubled", key)
        elif key not in wanted:
            differences.add(f"{subject}: nobody sent it", (key, content))
        elif wanted[key] != content:
            differences.add(f"{subject}: differs", f"{key}\n      wanted {wanted[key]}\n      found  {content}")
        seen.add(key)
    for key in wanted.keys() - seen:
        differences.add(f"{subject}: missing", key)


def _us(value: Any) -> int | None:
    return None if value is None else us(value)


async def _readings(connection: Any, schema: str) -> Found:
    rows = await connection.fetch(
        f"SELECT {_WHO}, r.time, r.raw_partition, r.raw_offset, r.value, r.unit, r.quality, r.reasons,"
        f" r.gateway_time, r.clock_skew_ms, r.seq FROM {schema}.readings r JOIN {schema}.series s"
        " USING (tenant_id, series_id)"
    )
    return [
        ((*row[:4], _us(row[4]), row[5], row[6]), (0, (
            exact(row[7]), row[8], _QUALITY_NAMES[row[9]], tuple(row[10] or ()), _us(row[11]), *row[12:14],
        )))
        for row in map(tuple, rows)
    ]  # fmt: skip


async def _windows(connection: Any, schema: str) -> Found:
    names = ", ".join(f'a."{name}"' for name in (*NUMBERS, *QUALITIES))
    rows = await connection.fetch(
        f"SELECT {_WHO}, a.window_start, a.revision, a.window_end, a.final, a.unit, {names}"
        f" FROM {schema}.aggregates_1min a JOIN {schema}.series s USING (tenant_id, series_id)"
    )
    return [
        ((*row[:4], _us(row[4])), (row[5], (_us(row[6]), row[7], row[8], *map(exact, row[9:]))))
        for row in map(tuple, rows)
    ]


async def _events(connection: Any, schema: str) -> Found:
    rows = await connection.fetch(
        'SELECT tenant_id, id, time, site_id, asset_id, type, "from", "to", details FROM ' + f"{schema}.events"
    )
    return [
        ((row[0], row[1], _us(row[2])), (0, (row[3], row[4], f'"{row[5]}"', *map(canonical_text, row[6:]))))
        for row in map(tuple, rows)
    ]


async def _alarms(connection: Any, schema: str, table: str) -> Found:
    texts = ", ".join(f'"{name}"' for name in ALARM_TEXTS)
    rows = await connection.fetch(
        f"SELECT tenant_id, occurrence_id, transition, {texts}, time, raised_at, cleared_at, value"
        f" FROM {schema}.{table}"
    )
    return [
        ((row[0], row[1]), (row[2], (*row[3:-4], *map(_us, row[-4:-1]), canonical_text(row[-1]))))
        for row in map(tuple, rows)
    ]


_TIME: Final = 'epoch_us("{0}")'
_LAKE: Final = {
    "readings": 'tenant_id, site_id, asset_id, parameter, epoch_us("time"), raw_partition, raw_offset, value, unit,'
    " quality, quality_reasons, epoch_us(gateway_time), clock_skew_ms, seq",
    "aggregates_1min": "tenant_id, site_id, asset_id, parameter, epoch_us(window_start), revision,"
    ' epoch_us(window_end), "final", unit, ' + ", ".join(f'"{name}"' for name in (*NUMBERS, *QUALITIES)),
    "events": 'tenant_id, id, epoch_us("time"), site_id, asset_id, "type", "from", "to", details',
    "alarms": "tenant_id, occurrence_id, transition, " + ", ".join(f'"{name}"' for name in ALARM_TEXTS)
    + ', epoch_us("time"), epoch_us(raised_at), epoch_us(cleared_at), value',
}  # fmt: skip


def compare_lake(root: Path, prefix: str, wanted: Expected, differences: Differences) -> int:
    """Hold what is in the files below a folder against what must be; how many rows are there.

    Files keep a journal of the log: each record is there once, at the place where it came first.
    """
    count = 0
    for topic, table in TABLES.items():
        found = _lake_rows(root, topic, table)
        count += len(found)
        hold(f"files {prefix} {table}", wanted.first[table], found, differences)
    return count


def _lake_rows(root: Path, topic: str, table: str) -> Found:
    if not any(root.glob(f"tenant=*/class={table}/**/*.parquet")):
        return []
    files = f"read_parquet('{root}/tenant=*/class={table}/**/*.parquet', hive_partitioning=false, union_by_name=true)"
    with duckdb.connect() as connection:
        rows = connection.execute(f'SELECT "partition", "offset", {_LAKE[table]} FROM {files}').fetchall()
    found = []
    for partition, offset, *rest in rows:
        key, rank, values = _lake_row(table, tuple(rest))
        found.append(((key, rank), ((topic, partition, offset), values)))
    return found


def _lake_row(table: str, row: tuple[Any, ...]) -> tuple[Key, int, Values]:
    match table:
        case "readings":
            return row[:7], 0, (exact(row[7]), row[8], row[9], tuple(row[10] or ()), *row[11:])
        case "aggregates_1min":
            return row[:5], row[5], (*row[6:9], *map(exact, row[9:]))
        case "events":
            return row[:3], 0, (row[3], row[4], f'"{row[5]}"', *map(canonical_text, row[6:]))
    return row[:2], row[2], (*row[3:-1], canonical_text(row[-1]))
