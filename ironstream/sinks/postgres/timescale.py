"""What TimescaleDB does for the store: hypertables, columnstore, retention, continuous aggregates. Its SQL; pure.

By the interface of TimescaleDB 2.18 and later (`enable_columnstore`, `add_columnstore_policy`).
"""

from __future__ import annotations

from typing import Final

from ironstream.sinks.classes import DataClass
from ironstream.sinks.postgres.config import TimescaleConfig
from ironstream.sinks.postgres.statements import quoted
from ironstream.sinks.postgres.tables import Table, aggregates, size_s

OLDEST: Final = (2, 18)
DAILY: Final = "aggregates_1day"
HOURLY: Final = "aggregates_1hour"
SETTINGS: Final = {
    # late data and replays change rows that are in the columnstore already, as many as a cut has
    "timescaledb.max_tuples_decompressed_per_dml_transaction": "0",
}


def hypertable(config: TimescaleConfig, table: Table) -> list[str]:
    """Makes an empty table a hypertable."""
    days = config.interval_days(table.data_class, table.size, size_s(table))
    return [
        f"SELECT create_hypertable({_literal(quoted(config.db_schema, table.name))},"
        f" by_range({_literal(table.time or '')}, INTERVAL '{days} days'),"
        " create_default_indexes => false, if_not_exists => true)"
    ]


def policies(config: TimescaleConfig, table: Table) -> list[str]:
    """Sets what the extension does with a hypertable by itself, as it is configured now. May be run again."""
    name = _literal(quoted(config.db_schema, table.name))
    days = config.interval_days(table.data_class, table.size, size_s(table))
    statements = [f"SELECT set_chunk_time_interval({name}, INTERVAL '{days} days')"]
    if config.compress_after_days is not None:
        segment, order = _compressed(table)
        statements += [
            f"ALTER TABLE {quoted(config.db_schema, table.name)} SET (timescaledb.enable_columnstore = true,"
            f" timescaledb.segmentby = {_literal(segment)}, timescaledb.orderby = {_literal(order)})",
        ]
    statements.append(f"CALL remove_columnstore_policy({name}, if_exists => true)")
    if config.compress_after_days is not None:
        after = f"INTERVAL '{config.compress_after_days} days'"
        statements.append(f"CALL add_columnstore_policy({name}, after => {after}, if_not_exists => true)")
    statements.append(f"SELECT remove_retention_policy({name}, if_exists => true)")
    if (kept := config.retention.days(table.data_class, table.size)) is not None:
        statements.append(
            f"SELECT add_retention_policy({name}, drop_after => INTERVAL '{kept} days', if_not_exists => true)"
        )
    return statements


def _compressed(table: Table) -> tuple[str, str]:
    """Columns that rows are put together by, and the order within: as they are asked for, and the rest of the key."""
    if table.data_class is DataClass.EVENTS:
        return "tenant_id, asset_id", "time DESC, id"
    rest = [name for name in table.key if name not in ("tenant_id", "series_id", table.time)]
    return "tenant_id, series_id", ", ".join([f"{table.time} DESC", *rest])


def daily(schema: str) -> list[str]:
    """Keeps aggregates of a day from those of an hour; the newest days are computed when they are asked for."""
    source, name = quoted(schema, aggregates("1hour").name), quoted(schema, DAILY)
    sums = ", ".join(f"sum({column}) AS {column}" for column in ("count", "good", "suspect", "uncertain", "bad"))
    return [
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS {name}"
        " WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS"
        " SELECT tenant_id, series_id, time_bucket(INTERVAL '1 day', window_start) AS day,"
        f" sum(avg * count) / nullif(sum(count), 0) AS avg, min(min) AS min, max(max) AS max, {sums}"
        f" FROM {source} GROUP BY tenant_id, series_id, day WITH NO DATA",
        f"SELECT add_continuous_aggregate_policy({_literal(name)}, start_offset => INTERVAL '30 days',"
        " end_offset => INTERVAL '1 day', schedule_interval => INTERVAL '1 hour', if_not_exists => true)",
    ]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
