"""A small plant in the store's tables, whose figures are known by heart.

Tenant acme: north-works with pump-1 (temperature and pressure each second for half an hour) and tank-1 (level every 45
s, so that it has windows of an hour alone), south-depot with press-1, silent for two hours. Tenant other has the same
names, and must be in no figure of acme.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import asyncpg

from deploy.grafana.sql import SIZES
from ironstream.sinks.postgres.ddl import create_aggregates
from ironstream.sinks.postgres.migrations import migrate
from ironstream.sinks.postgres.tables import EVENTS, READINGS, aggregates

SCHEMA: Final = "ironstream"
LEAKS: Final = 12
"""Alarms of tank-1 ten seconds apart, within one ten minutes: a flood, and all but two of them chatter."""

_SERIES: Final = (
    (1, "acme", "north-works", "pump-1", "temperature", "degC"),
    (2, "acme", "north-works", "pump-1", "pressure", "bar"),
    (3, "acme", "north-works", "tank-1", "level", "percent"),
    (4, "acme", "south-depot", "press-1", "force", "kN"),
    (5, "other", "north-works", "pump-1", "temperature", "degC"),
)
_AGGREGATES: Final = """
INSERT INTO aggregates_{name} (tenant_id, series_id, window_start, window_end, revision, final, avg, min, max, count,
  good, suspect, uncertain, bad, pct_good)
SELECT tenant_id, series_id, start, start + interval '{size_s} seconds', 0, true, avg(value), min(value), max(value),
  count(value), count(*) FILTER (WHERE quality = 0), count(*) FILTER (WHERE quality = 1),
  count(*) FILTER (WHERE quality = 2), count(*) FILTER (WHERE quality = 3),
  100.0 * count(*) FILTER (WHERE quality = 0) / count(*)
FROM readings, LATERAL date_bin('{size_s} seconds', time, timestamptz '2000-01-01 00:00:00Z') AS start
WHERE series_id <> 3 OR {size_s} = 3600
GROUP BY tenant_id, series_id, start;
"""


async def fill(dsn: str, now: datetime) -> None:
    """Make the tables and the plant as it looks at `now`, a whole ten minutes."""
    connection = await asyncpg.connect(dsn)
    try:
        await _tables(connection)
        await connection.executemany(
            "INSERT INTO series (series_id, tenant_id, site_id, asset_id, parameter, unit) VALUES ($1,$2,$3,$4,$5,$6)",
            _SERIES,
        )
        await _readings(connection, now)
        for name, size_s in SIZES.items():
            await connection.execute(_AGGREGATES.format(name=name, size_s=size_s))
        await _events(connection, now)
        await _alarms(connection, now)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def _tables(connection: asyncpg.Connection) -> None:
    """As the sink makes them, with one partition for all times."""
    await migrate(connection, SCHEMA)
    made = [aggregates(name) for name in SIZES]
    for table in made:
        for statement in create_aggregates(SCHEMA, table):
            await connection.execute(statement)
    await connection.execute(f"SET search_path = {SCHEMA}")
    for table in (READINGS, EVENTS, *made):
        await connection.execute(f"CREATE TABLE {table.name}_all PARTITION OF {table.name} DEFAULT")


async def _readings(connection: asyncpg.Connection, now: datetime) -> None:
    await connection.execute(f"""
        INSERT INTO readings
          (tenant_id, series_id, time, value, quality, reasons, clock_skew_ms, raw_partition, raw_offset)
        SELECT tenant_id, s, timestamptz '{now.isoformat()}' - ago * interval '1 second', 1000 - ago, 0, NULL, 200,
          0, ago
        FROM (VALUES ('acme', 1, 0, 1800, 1), ('acme', 2, 0, 1800, 1), ('acme', 3, 0, 21600, 45),
          ('acme', 4, 7200, 7800, 1), ('other', 5, 0, 1800, 1)) AS plan(tenant_id, s, since, until, step),
          generate_series(since, until - 1, step) AS ago;
        -- of the temperature: a tenth SUSPECT, the newest UNCERTAIN; of the pressure, the newest is a dead sensor's
        UPDATE readings SET quality = 1, reasons = '{{stuck}}' WHERE series_id = 1 AND raw_offset BETWEEN 100 AND 269;
        UPDATE readings SET quality = 1, reasons = '{{clock_skew,stuck}}', clock_skew_ms = -7000
          WHERE series_id = 1 AND raw_offset BETWEEN 270 AND 279;
        UPDATE readings SET quality = 2, reasons = '{{no_device_time}}', clock_skew_ms = 6000
          WHERE series_id = 1 AND raw_offset = 0;
        UPDATE readings SET quality = 3, reasons = '{{not_a_number}}', value = NULL
          WHERE series_id = 2 AND raw_offset = 0;
        UPDATE readings SET quality = 3, reasons = '{{stuck}}' WHERE series_id = 5;
    """)


async def _events(connection: asyncpg.Connection, now: datetime) -> None:
    gap = '{{"expected_interval_ms": 45000, "actual_gap_ms": {0}, "missing_samples": {1}}}'
    hours = timedelta(hours=1)
    rows = [
        ("acme", "north-works", "tank-1", "level", "gap", now - hours, gap.format(135_000, 2), None, None),
        ("acme", "north-works", "tank-1", "level", "gap", now - 2 * hours, gap.format(450_000, 9), None, None),
        ("acme", "north-works", "pump-1", None, "clock_skew", now - hours, '{"skew_ms": -12000}', None, None),
        ("acme", "north-works", "pump-1", "running", "state", now - hours / 4, None, "true", "false"),
        ("other", "north-works", "pump-1", "temperature", "gap", now - hours, gap.format(9_000, 8), None, None),
    ]
    await connection.executemany(
        'INSERT INTO events (tenant_id, site_id, asset_id, parameter, type, time, details, "from", "to", id)'
        " VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)",
        [(*row, f"event-{number}") for number, row in enumerate(rows)],
    )


async def _alarms(connection: asyncpg.Connection, now: datetime) -> None:
    """Each: tenant, site, asset, type, severity, hours ago that it was raised, and its later states."""
    hour = 3600.0
    plan: list[tuple[str, str, str, str, str, float, list[tuple[float, str]]]] = [
        ("acme", "north-works", "pump-1", "overheat", "CRITICAL", hour, []),
        ("acme", "north-works", "pump-1", "low_pressure", "HIGH", 30 * hour, [(29 * hour, "ACKNOWLEDGED")]),
        ("acme", "north-works", "tank-1", "level", "HIGH", 3 * hour, [(2.5 * hour, "CLEARED")]),
        ("acme", "south-depot", "press-1", "oil_hot", "MEDIUM", 2 * hour, [(1.5 * hour, "CLEARED_UNACKED")]),
        ("acme", "south-depot", "press-1", "noise", "LOW", 4 * hour, [(3.9 * hour, "SUPPRESSED")]),
        ("other", "north-works", "pump-1", "overheat", "CRITICAL", hour, []),
    ]
    plan += [
        (
            "acme",
            "north-works",
            "tank-1",
            "leak",
            "CRITICAL",
            1200 - 10.0 * one - 5,
            [(1200 - 10.0 * one - 8, "CLEARED")],
        )
        for one in range(LEAKS)
    ]
    for number, (tenant, site, asset, kind, severity, ago_s, later) in enumerate(plan):
        raised = now - timedelta(seconds=ago_s)
        previous = None
        for transition, (at_s, state) in enumerate([(ago_s, "ACTIVE"), *later], start=1):
            time = now - timedelta(seconds=at_s)
            alarm_id, cleared = f"{tenant}/{site}/{asset}/{kind}", time if state == "CLEARED" else None
            actor = "ann" if state in ("ACKNOWLEDGED", "SUPPRESSED") else None
            row = (
                tenant, site, asset, alarm_id, f"occurrence-{number:03}", transition, time, kind, severity, state,
                previous, raised, cleared, f"{asset}: {kind}", "91.5", 90.0, actor, 1,
            )  # fmt: skip
            await connection.execute(_insert("alarm_journal"), *row)
            await connection.execute(f"DELETE FROM alarms WHERE occurrence_id = '{row[4]}'")
            await connection.execute(_insert("alarms"), *row)
            previous = state


def _insert(table: str) -> str:
    values = ", ".join(f"${number}" for number in range(1, 19))
    return (
        f"INSERT INTO {table} (tenant_id, site_id, asset_id, alarm_id, occurrence_id, transition, time, type, severity,"
        f" state, previous_state, raised_at, cleared_at, message, value, threshold, actor, count, evidence_topic,"
        f" evidence_partition, evidence_offset) VALUES ({values}, 'alarms.raw', 0, 0)"
    )
