"""Brings the store to this version, whoever else does so at the same time.

A newer sink may add to a store while older ones write: these name every column that they fill, and stage rows in
tables of their own. `oldest` of a migration is the oldest version of the sink that can still write after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ironstream.errors import ConfigurationError
from ironstream.sinks.postgres.ddl import Hypertable, create_store
from ironstream.sinks.postgres.statements import quoted

_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS {migrations} (
        version integer PRIMARY KEY,
        applied_at timestamptz NOT NULL DEFAULT now(),
        description text NOT NULL,
        oldest integer NOT NULL
    )"""


@dataclass(frozen=True, slots=True)
class Migration:
    """A step. `statements` gets the schema, and how a table becomes a hypertable where it is to be one."""

    version: int
    description: str
    oldest: int
    statements: Callable[[str, Hypertable | None], Sequence[str]]


MIGRATIONS: Final = (
    Migration(
        1,
        "series, readings, events, alarms",
        1,
        create_store,
    ),
)


def lock_statement(schema: str) -> str:
    """Lets one process at a time change the tables of a schema; held until the transaction ends."""
    return f"SELECT pg_advisory_xact_lock(hashtextextended('ironstream:{schema}', 0))"


async def migrate(
    connection: Any, schema: str, *, hypertable: Hypertable | None = None, migrations: Sequence[Migration] = MIGRATIONS
) -> list[int]:
    """Apply what is missing, in one transaction: the versions applied.

    Raises ConfigurationError for a store that a newer ironstream made, and that this one cannot write.
    """
    if not await _pending(connection, schema, migrations):
        return []
    async with connection.transaction():
        await connection.execute(lock_statement(schema))
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
        await connection.execute(_TABLE.format(migrations=quoted(schema, "migrations")))
        pending = await _pending(connection, schema, migrations)
        for migration in pending:
            for statement in migration.statements(schema, hypertable):
                await connection.execute(statement)
            await connection.execute(
                f"INSERT INTO {quoted(schema, 'migrations')} (version, description, oldest) VALUES ($1, $2, $3)",
                migration.version,
                migration.description,
                migration.oldest,
            )
    return [migration.version for migration in pending]


async def is_there(connection: Any, schema: str, name: str) -> bool:
    """Whether a schema has a table or view of that name."""
    # the catalogue is read: to_regclass may answer from a cache of before the lock was had
    there: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = $1 AND c.relname = $2)",
        schema,
        name,
    )
    return there


async def _pending(connection: Any, schema: str, migrations: Sequence[Migration]) -> list[Migration]:
    table = quoted(schema, "migrations")
    if not await is_there(connection, schema, "migrations"):
        return list(migrations)
    rows = await connection.fetch(f"SELECT version, oldest FROM {table}")
    ours = migrations[-1].version
    if rows and (needed := max(row["oldest"] for row in rows)) > ours:
        raise ConfigurationError(
            f"The store in schema {schema} is of version {max(row['version'] for row in rows)},"
            f" which sinks below version {needed} cannot write; this one is of version {ours}.",
            "Run the newer ironstream here too, or name another `schema`.",
        )
    there = {row["version"] for row in rows}
    return [migration for migration in migrations if migration.version not in there]
