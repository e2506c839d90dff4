"""The kinds of this folder, as the registry names them."""

from __future__ import annotations

from typing import Any, Final

from ironstream.sinks.classes import class_of
from ironstream.sinks.postgres.config import PostgresConfig, TimescaleConfig
from ironstream.sinks.postgres.connections import Connections
from ironstream.sinks.postgres.errors import as_sink_errors
from ironstream.sinks.postgres.migrations import is_there
from ironstream.sinks.postgres.sink import PostgresSink
from ironstream.sinks.postgres.statements import quoted
from ironstream.sinks.sink import SinkContext, SinkKind


def _takes(topic: str) -> bool:
    return class_of(topic) is not None


async def look(config: PostgresConfig, context: SinkContext) -> str:
    """What is there: server, extension, version of the store. Changes nothing. Raises SinkUnavailableError."""
    connections = Connections(config, context.id, {})
    connection = await connections.open()
    try:
        with as_sink_errors(config.place):
            server = await connection.fetchval("SHOW server_version")
            extension = await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
            encrypted = await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            store = await _store(connection, config.db_schema)
    finally:
        connection.terminate()
    parts = (
        f"PostgreSQL {server}",
        f"timescaledb {extension}" if extension else "no timescaledb",
        "encrypted" if encrypted else "not encrypted",
        store,
    )
    return f"{config.place}: {', '.join(parts)}"


async def _store(connection: Any, schema: str) -> str:
    if not await is_there(connection, schema, "migrations"):
        return f"no store in schema {schema} yet: the sink makes it"
    version = await connection.fetchval(f"SELECT max(version) FROM {quoted(schema, 'migrations')}")
    return f"store in schema {schema} of version {version}"


POSTGRES: Final = SinkKind(
    PostgresConfig,
    PostgresSink,
    _takes,
    "PostgreSQL 15 or newer: narrow tables in partitions by time, each row once.",
    test=look,
)
TIMESCALEDB: Final = SinkKind(
    TimescaleConfig,
    PostgresSink,
    _takes,
    "PostgreSQL with TimescaleDB: hypertables with columnstore and retention, each row once.",
    test=look,
)
