"""Questions as SQL, over the tables that the sinks postgres and timescaledb make. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ironstream.contract import Quality
from ironstream.domain.times import MAX_US, to_iso
from ironstream.query.origins import Span
from ironstream.query.patterns import NAMES, SeriesPattern
from ironstream.query.shapes import Shape
from ironstream.sinks.classes import DataClass

Query = tuple[str, list[Any]]
QUALITY: Final = "CASE r.quality " + " ".join(f"WHEN {one.value} THEN '{one.name}'" for one in Quality) + " END"
TABLES: Final = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
_WITH_SERIES: Final = (DataClass.READINGS, DataClass.AGGREGATES)


def table_of(shape: Shape) -> str:
    """The table that holds a label."""
    return "alarm_journal" if shape.data_class is DataClass.ALARMS else shape.label


def rows(schema: str, shape: Shape, pattern: SeriesPattern, first: Any, end: Any) -> Query:
    """Rows of a label between two times, in the shape's order."""
    args: list[Any] = [first, end]
    # text is ordered by its bytes, which no locale changes
    order = ", ".join(_ordered(name, shape) for name in shape.sort)
    where = [f"r.{shape.time} >= $1", f"r.{shape.time} < $2"]
    table = f"{quoted(schema, table_of(shape))} r"
    if shape.data_class in _WITH_SERIES:
        joined = f"JOIN {quoted(schema, 'series')} s ON s.tenant_id = r.tenant_id AND s.series_id = r.series_id"
        if pattern.series is not None:
            # so that the primary key gives the rows in order: no sort of all of them, and the first ones at once
            inner = _conditions(pattern, args, "n")
            where.append(f"r.tenant_id = ${len(args) + 1}")
            args.append(pattern.tenant_id)
            where.append(
                f"r.series_id = (SELECT n.series_id FROM {quoted(schema, 'series')} n WHERE {' AND '.join(inner)})"
            )
            order = ", ".join(_ordered(name, shape) for name in shape.sort if name not in NAMES)
        else:
            where += _conditions(pattern, args, "s")
        table = f"{table} {joined}"
    else:
        where += _conditions(pattern, args, "r")
    return f"SELECT {_columns(shape)} FROM {table} WHERE {' AND '.join(where)} ORDER BY {order}", args


def last(schema: str, pattern: SeriesPattern, first: Any) -> Query:
    """The newest reading of each series since a time."""
    args: list[Any] = [first]
    where = _conditions(pattern, args, "s")
    condition = f"WHERE {' AND '.join(where)}" if where else ""
    names = ", ".join(f"s.{name}" for name in NAMES)
    return (
        f"SELECT {names}, l.* FROM {quoted(schema, 'series')} s CROSS JOIN LATERAL ("
        f"SELECT r.time, r.value, r.unit, {QUALITY} AS quality, r.reasons FROM {quoted(schema, 'readings')} r"
        " WHERE r.tenant_id = s.tenant_id AND r.series_id = s.series_id AND r.time >= $1"
        f" ORDER BY r.time DESC, r.raw_partition DESC, r.raw_offset DESC LIMIT 1) l {condition}"
        f" ORDER BY {_names_ordered('s')}"
    ), args


def origins(schema: str, span: Span, series_ids: Sequence[int] | None) -> str:
    """Series, raw partition and raw offset of the readings of a span; of some series, or of all.

    The text has its values in it, for COPY takes no parameters.
    """
    offsets = " OR ".join(
        f"(r.raw_partition = {number:d} AND r.raw_offset BETWEEN {first:d} AND {last:d})"
        for number, (first, last) in span.offsets.items()
    )
    # so that no partition of another day is looked at
    times = " OR ".join(f"(r.time >= {_literal(first)} AND r.time < {_literal(end)})" for first, end in span.times)
    where = [f"({offsets or 'false'})", f"({times or 'false'})"]
    if span.kafka_from_us is not None:
        where.append(f"(r.kafka_time IS NULL OR r.kafka_time >= {_literal(span.kafka_from_us)})")
    if series_ids is not None:
        where.append(f"r.series_id = ANY ('{{{','.join(f'{one:d}' for one in series_ids)}}}'::integer[])")
    table = quoted(schema, DataClass.READINGS)
    return f"SELECT r.series_id, r.raw_partition, r.raw_offset FROM {table} r WHERE {' AND '.join(where)}"


def numbered_series(schema: str, pattern: SeriesPattern) -> Query:
    """The series of a pattern with the numbers that rows have of them, sorted by these."""
    args: list[Any] = []
    where = _conditions(pattern, args, "s")
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    names = ", ".join(f"s.{name}" for name in NAMES)
    return f"SELECT s.series_id, {names} FROM {quoted(schema, 'series')} s{condition} ORDER BY s.series_id", args


def series(schema: str, pattern: SeriesPattern) -> Query:
    """The series of a pattern."""
    args: list[Any] = []
    where = _conditions(pattern, args, "s")
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    names = ", ".join(f"s.{name}" for name in NAMES)
    return f"SELECT {names} FROM {quoted(schema, 'series')} s{condition} ORDER BY {_names_ordered('s')}", args


def quoted(*names: str) -> str:
    """A name as SQL takes it, whatever is in it."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def _literal(us: int) -> str:
    return f"'{to_iso(min(us, MAX_US))}'::timestamptz"


def _columns(shape: Shape) -> str:
    made = []
    for name in shape.schema.names:
        if name in NAMES and shape.data_class in _WITH_SERIES:
            made.append(f"s.{name}")
        elif name == "quality":
            made.append(f"{QUALITY} AS quality")
        elif name == "quality_reasons":
            made.append("r.reasons AS quality_reasons")
        elif name in shape.json:
            made.append(f"r.{quoted(name)}::text AS {quoted(name)}")
        else:
            made.append(f"r.{quoted(name)}")
    return ", ".join(made)


def _conditions(pattern: SeriesPattern, args: list[Any], alias: str) -> list[str]:
    conditions = []
    for sign, parts in (("=", pattern.exact), ("~", pattern.globs)):
        for name, text in parts.items():
            args.append(text)
            conditions.append(f"{alias}.{name} {sign} ${len(args)}")
    return conditions


def _ordered(name: str, shape: Shape) -> str:
    alias = "s" if name in NAMES and shape.data_class in _WITH_SERIES else "r"
    return f'{alias}.{quoted(name)} COLLATE "C"' if name in (*NAMES, "id", "occurrence_id") else f"{alias}.{name}"


def _names_ordered(alias: str) -> str:
    return ", ".join(f'{alias}.{name} COLLATE "C"' for name in NAMES)
