"""Partitions of plain PostgreSQL, by ranges of days: made when a cut needs them, dropped whole when too old."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from ironstream.sinks.postgres.statements import quoted
from ironstream.sinks.postgres.tables import Table

_EPOCH: Final = date(1970, 1, 1)
_BOUND: Final = re.compile(r"FOR VALUES FROM \('([^']+)'\) TO \('([^']+)'\)")
_LIST: Final = """
    SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass($1)
"""
Range = tuple[int, int]
"""From a day since 1970 up to but without another."""


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One that is there."""

    first_day: int
    end_day: int
    name: str


def missing(days: Iterable[int], there: Sequence[Range], interval_days: int) -> list[Range]:
    """Ranges to make so that every one of `days` lies in one; `there` is sorted.

    They begin at multiples of the interval, and are cut short where another is in the way: of an interval that was
    configured before.
    """
    ranges = list(there)
    made = []
    for day in sorted(set(days)):
        at = bisect_right(ranges, (day, 1 << 40))
        if at and ranges[at - 1][1] > day:
            continue
        first = day - day % interval_days
        end = first + interval_days
        if at:
            first = max(first, ranges[at - 1][1])
        if at < len(ranges):
            end = min(end, ranges[at][0])
        ranges.insert(at, (first, end))
        made.append((first, end))
    return made


def create_statements(schema: str, table: Table, days: Range) -> tuple[str, ...]:
    """Makes one partition. Attached when it is made: readers and writers of the table are not held up meanwhile."""
    name = f"{table.name}_p{_text(days[0]).replace('-', '')}"
    parent, partition = quoted(schema, table.name), quoted(schema, name)
    return (
        f"CREATE TABLE {partition} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
        f"ALTER TABLE {parent} ATTACH PARTITION {partition}"
        f" FOR VALUES FROM ('{_text(days[0])} 00:00:00+00') TO ('{_text(days[1])} 00:00:00+00')",
    )


def _text(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).isoformat()


def _day(text: str) -> int:
    # the session's time zone is UTC
    return (datetime.fromisoformat(text).date() - _EPOCH).days


async def list_partitions(connection: Any, schema: str, table: str) -> list[Partition]:
    """All partitions of a table that hold days, in order."""
    found = []
    for row in await connection.fetch(_LIST, quoted(schema, table)):
        if match := _BOUND.fullmatch(row["bound"] or ""):
            found.append(Partition(_day(match[1]), _day(match[2]), row["name"]))
    return sorted(found)


@dataclass(slots=True)
class Partitions:
    """What is known to be there, per table; made anew with every outage."""

    schema: str
    lock: str
    """Statement that keeps other processes from making partitions until the transaction ends."""
    _known: dict[str, list[Range]] = field(default_factory=dict)

    async def ensure(self, connection: Any, table: Table, days: Sequence[int], interval_days: int) -> None:
        """Make what is missing for rows of these days, each in its own transaction, so that locks do not add up."""
        known = self._known.get(table.name)
        if known is None:
            known = await self._there(connection, table)
        for day in days:
            if not missing((day,), known, interval_days):
                continue
            async with connection.transaction():
                await connection.execute(self.lock)
                known = await self._there(connection, table)
                for one in missing((day,), known, interval_days):
                    for statement in create_statements(self.schema, table, one):
                        await connection.execute(statement)
                    known = sorted([*known, one])
        self._known[table.name] = known

    def forget(self, table: str | None = None) -> None:
        """Look again: one may have been dropped."""
        if table is None:
            self._known.clear()
        else:
            self._known.pop(table, None)

    async def _there(self, connection: Any, table: Table) -> list[Range]:
        return [(one.first_day, one.end_day) for one in await list_partitions(connection, self.schema, table.name)]
