"""SQL that writes a cut: the staging table and what goes from it into its place. Pure."""

from __future__ import annotations

from typing import Final

from ironstream.sinks.classes import DataClass
from ironstream.sinks.postgres.tables import ALARMS, Table


def quoted(*names: str) -> str:
    """Names, joined by dots, as SQL takes them whatever they are."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def listed(names: tuple[str, ...], prefix: str = "") -> str:
    """Names as a list, each of the table `prefix`."""
    return ", ".join(prefix + quoted(name) for name in names)


def stage_name(table: Table) -> str:
    """Name of the staging table, of each connection its own."""
    return f"stage_{table.name}"


def create_stage(table: Table) -> str:
    """Makes the staging table of a connection. It has no more in common with its target than its columns."""
    columns = ", ".join(f"{quoted(column.name)} {column.staged_type}" for column in table.columns)
    return f"CREATE TEMP TABLE IF NOT EXISTS {quoted(stage_name(table))} ({columns}) ON COMMIT DELETE ROWS"


def write_statements(schema: str, table: Table, source: str | None = None) -> tuple[str, ...]:
    """What moves the staged rows into their place, in the transaction that staged them.

    A repeat changes nothing. The staged rows hold no key twice. `source`: where they come from, if not from all of the
    staging table.
    """
    source = source or quoted(stage_name(table))
    match table.data_class:
        case DataClass.READINGS:
            return (_insert(schema, table, source, _replace(table, _differs(table))),)
        case DataClass.AGGREGATES:
            restates = _RESTATES.format(differs=_differs(table))
            return (_insert(schema, table, source, _replace(table, restates)),)
        case DataClass.EVENTS:
            return (_insert(schema, table, source, "DO NOTHING"),)
    return (_insert(schema, table, source, "DO NOTHING"), _current_alarms(schema, source))


_RESTATES: Final = (
    'excluded."revision" > t."revision" OR (excluded."revision" = t."revision"'
    ' AND excluded."final" >= t."final" AND {differs})'
)


def _insert(schema: str, table: Table, source: str, on_conflict: str) -> str:
    return (
        f"INSERT INTO {quoted(schema, table.name)} AS t ({listed(table.names)})"
        f" SELECT {_staged(table)} FROM {source}"
        f" ON CONFLICT ({listed(table.key)}) {on_conflict}"
    )


def _staged(table: Table) -> str:
    return ", ".join(quoted(one.name) + ("::jsonb" if one.type == "jsonb" else "") for one in table.columns)


def _replace(table: Table, condition: str) -> str:
    values = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in table.others)
    return f"DO UPDATE SET {values} WHERE {condition}"


def _differs(table: Table) -> str:
    return f"({listed(table.others, 't.')}) IS DISTINCT FROM ({listed(table.others, 'excluded.')})"


def _current_alarms(schema: str, source: str) -> str:
    key = listed(ALARMS.key)
    return (
        f"INSERT INTO {quoted(schema, ALARMS.name)} AS t ({listed(ALARMS.names)})"
        f" SELECT DISTINCT ON ({key}) {_staged(ALARMS)} FROM {source}"
        f' ORDER BY {key}, "transition" DESC'
        f" ON CONFLICT ({key}) " + _replace(ALARMS, 'excluded."transition" > t."transition"')
    )
