"""Lets go of what is older than it is to be kept, in plain PostgreSQL. TimescaleDB does so by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ironstream.sinks.classes import DataClass
from ironstream.sinks.postgres.config import Retention
from ironstream.sinks.postgres.partitions import list_partitions
from ironstream.sinks.postgres.statements import quoted
from ironstream.sinks.postgres.tables import ALARM_JOURNAL, ALARMS, Table

EVERY_S: Final = 3600.0
_LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '2s'"
_ROWS: Final = 10_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def first_day(retention: Retention, table: Table, now: datetime) -> int | None:
    """The oldest day (since 1970) whose rows are kept; None: all are."""
    days = retention.days(table.data_class, table.size)
    return None if days is None else (now - timedelta(days=days) - _EPOCH).days


async def drop_old(
    connection: Any, schema: str, tables: Sequence[Table], retention: Retention, now: datetime
) -> list[str]:
    """Drop the partitions that hold nothing younger, delete old transitions: what was let go of, by name.

    Waits 2 s at most for a partition that somebody reads, and then leaves it for the next time.
    """
    dropped = []
    for table in tables:
        oldest = first_day(retention, table, now)
        if oldest is None:
            continue
        if table.data_class is DataClass.ALARMS:
            dropped += await _delete_alarms(connection, schema, _EPOCH + timedelta(days=oldest))
            continue
        for partition in await list_partitions(connection, schema, table.name):
            if partition.end_day <= oldest:
                async with connection.transaction():
                    await connection.execute(_LOCK_TIMEOUT)
                    await connection.execute(f"DROP TABLE IF EXISTS {quoted(schema, partition.name)}")
                dropped.append(partition.name)
    return dropped


async def _delete_alarms(connection: Any, schema: str, before: datetime) -> list[str]:
    """In pieces, so that no statement takes long."""
    deleted = []
    for table, condition in ((ALARM_JOURNAL, "true"), (ALARMS, "state = 'CLEARED'")):
        name = quoted(schema, table.name)
        statement = (
            f"DELETE FROM {name} WHERE ctid = ANY (ARRAY("
            f"SELECT ctid FROM {name} WHERE time < $1 AND {condition} LIMIT {_ROWS}))"
        )
        while (done := await connection.execute(statement, before)) != "DELETE 0":
            deleted.append(f"{table.name} ({done.removeprefix('DELETE ')} rows)")
    return deleted
