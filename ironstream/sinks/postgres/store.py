"""The store as it must be before a cut is written: extension, migrations, tables, policies, rights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from ironstream.errors import ConfigurationError
from ironstream.sinks.postgres import security, timescale
from ironstream.sinks.postgres.config import PostgresConfig, TimescaleConfig
from ironstream.sinks.postgres.ddl import create_aggregates
from ironstream.sinks.postgres.migrations import is_there, lock_statement, migrate
from ironstream.sinks.postgres.statements import quoted
from ironstream.sinks.postgres.tables import EVENTS, READINGS, Table, aggregates

_OLDEST_SERVER: Final = 150_000
_RELEASE: Final = re.compile(r"(\d+)\.(\d+)")


class Store:
    """What the sink makes and keeps up in one schema. Statements wait for each other over all processes."""

    def __init__(self, config: PostgresConfig) -> None:
        self._config = config
        self._schema = config.db_schema
        self._timescale = config if isinstance(config, TimescaleConfig) else None
        self._hypertable = partial(timescale.hypertable, config) if isinstance(config, TimescaleConfig) else None

    async def prepare(self, connection: Any, tables: Sequence[Table]) -> None:
        """Make what is missing, with these tables of aggregates. Raises ConfigurationError for what it cannot mend."""
        await self._check_server(connection)
        if self._timescale is not None:
            await _check_extension(connection)
        await migrate(connection, self._schema, hypertable=self._hypertable)
        await self._check_kind(connection)
        for table in tables:
            if not await self._is_there(connection, table.name):
                await self._make(connection, table)
        if self._timescale is not None:
            await self._set_policies(connection, self._timescale)
        await self._let_in(connection)

    async def ensure(self, connection: Any, table: Table) -> None:
        """Make the table where it is missing: those of window sizes come when they are first written."""
        if not table.size or await self._is_there(connection, table.name):
            return
        await self._make(connection, table)
        if self._timescale is not None:
            await self._set_policies(connection, self._timescale)
        await self._let_in(connection)

    async def _make(self, connection: Any, table: Table) -> None:
        async with connection.transaction():
            await connection.execute(lock_statement(self._schema))
            if not await self._is_there(connection, table.name):
                for statement in create_aggregates(self._schema, table, self._hypertable):
                    await connection.execute(statement)

    async def tables(self, connection: Any) -> list[Table]:
        """The tables partitioned by time that are there, of every window size."""
        rows = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p')"
            " AND NOT relispartition AND relname ~ '^aggregates_[1-9][0-9]*(s|min|hour)$' ORDER BY relname",
            quoted(self._schema),
        )
        return [READINGS, EVENTS, *(aggregates(row["relname"].removeprefix("aggregates_")) for row in rows)]

    async def _is_there(self, connection: Any, name: str) -> bool:
        return await is_there(connection, self._schema, name)

    async def _check_server(self, connection: Any) -> None:
        number = int(await connection.fetchval("SHOW server_version_num"))
        if number < _OLDEST_SERVER:
            raise ConfigurationError(
                f"{self._config.place} is PostgreSQL {number // 10_000}; the sink needs 15 or newer.",
                "Upgrade the server, or name another.",
            )

    async def _check_kind(self, connection: Any) -> None:
        kind = await connection.fetchval(
            "SELECT relkind::text FROM pg_class WHERE oid = to_regclass($1)", quoted(self._schema, READINGS.name)
        )
        made = "postgres" if self._timescale else "timescaledb"
        if (kind == "p") is (self._timescale is not None):
            raise ConfigurationError(
                f"The store in schema {self._schema} of {self._config.place} was made by a sink of kind {made}.",
                f"Declare the sink as {made}, or name another `schema` and replay into it.",
            )

    async def _set_policies(self, connection: Any, config: TimescaleConfig) -> None:
        """Under the lock: the extension's jobs are looked for and added in two steps."""
        for table in await self.tables(connection):
            async with connection.transaction():
                await connection.execute(lock_statement(self._schema))
                for statement in timescale.policies(config, table):
                    await connection.execute(statement)
        if config.continuous_aggregates and await self._is_there(connection, timescale.HOURLY):
            async with connection.transaction():
                await connection.execute(lock_statement(self._schema))
                for statement in timescale.daily(self._schema):
                    await connection.execute(statement)

    async def _let_in(self, connection: Any) -> None:
        config, schema = self._config, self._schema
        if config.row_level_security:
            await self._under_lock(connection, security.UNPROTECTED, (quoted(schema),), "protect")
        if config.reader_role is not None:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", config.reader_role):
                raise ConfigurationError(
                    f"{config.place} has no role {config.reader_role}, which is named as reader_role.",
                    f"Make it: CREATE ROLE {config.reader_role} LOGIN PASSWORD '…'",
                )
            await self._under_lock(connection, security.READABLE, (quoted(schema), config.reader_role), "let_read")

    async def _under_lock(self, connection: Any, find: str, arguments: tuple[str, ...], what: str) -> None:
        """Do something for every table that `find` finds, which it does first without the lock: mostly none."""
        if not await connection.fetch(find, *arguments):
            return
        async with connection.transaction():
            await connection.execute(lock_statement(self._schema))
            for row in await connection.fetch(find, *arguments):
                for statement in self._statements(what, row["relname"]):
                    await connection.execute(statement)

    def _statements(self, what: str, table: str) -> list[str]:
        if what == "protect":
            return security.protect(self._schema, table)
        role = self._config.reader_role or ""
        return [*security.let_read(self._schema, role), security.let_read_table(self._schema, table, role)]


async def _check_extension(connection: Any) -> None:
    find = "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
    version = await connection.fetchval(find)
    if version is None:
        if await connection.fetchval("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'"):
            await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
            version = await connection.fetchval(find)
        else:
            raise ConfigurationError(
                "The server has no extension timescaledb.",
                "Install it (and shared_preload_libraries = 'timescaledb'), or declare the sink as kind: postgres.",
            )
    found = _RELEASE.match(version or "")
    if found is None or (int(found[1]), int(found[2])) < timescale.OLDEST:
        raise ConfigurationError(
            f"The server's timescaledb is {version}; the sink needs 2.18 or newer.",
            "ALTER EXTENSION timescaledb UPDATE, or declare the sink as kind: postgres.",
        )
