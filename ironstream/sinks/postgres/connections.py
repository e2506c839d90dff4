"""Connections to the database, one for each topic that is written."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Final

import asyncpg

from ironstream.errors import ConfigurationError
from ironstream.sinks.postgres.config import PostgresConfig
from ironstream.sinks.postgres.errors import as_sink_errors
from ironstream.sinks.postgres.statements import create_stage
from ironstream.sinks.postgres.tables import Table

_MARGIN_S: Final = 5.0
"""So much later than the server we give a statement up: it is the one that can end it."""


class Connections:
    """Opens them when they are needed, keeps them, and lets go of those that failed."""

    def __init__(self, config: PostgresConfig, name: str, settings: Mapping[str, str]) -> None:
        self._config = config
        self._open: dict[str, Any] = {}
        self._settings = {
            "application_name": f"ironstream-{name}"[:63],
            "timezone": "UTC",
            "statement_timeout": f"{config.statement_timeout_s * 1000:.0f}",
            # a process that hangs in the middle must not keep its locks
            "idle_in_transaction_session_timeout": f"{config.statement_timeout_s * 1000:.0f}",
            "synchronous_commit": "on" if config.synchronous_commit else "off",
            "jit": "off",
            **settings,
        }

    async def of(self, table: Table) -> Any:
        """The connection of a table, with its staging table."""
        connection = self._open.get(table.name)
        if connection is None or connection.is_closed():
            connection = await self.open()
            try:
                with as_sink_errors(self._config.place):
                    await connection.execute(create_stage(table))
            except BaseException:
                connection.terminate()
                raise
            self._open[table.name] = connection
        return connection

    def drop(self, table: Table) -> None:
        """Let go of the connection of a table, whatever it is doing."""
        if (connection := self._open.pop(table.name, None)) is not None:
            connection.terminate()

    async def open(self) -> Any:
        """A connection of one's own, to be closed. Raises SinkUnavailableError, ConfigurationError."""
        config = self._config
        password = config.password.get_secret_value() if config.password else None
        where: dict[str, Any]
        if config.dsn is not None:
            where = {"dsn": config.dsn.get_secret_value()}
        else:
            where = {"host": config.host, "port": config.port, "user": config.user, "database": config.database}
        if password is not None:
            where["password"] = password
        if (tls := _tls(config)) is not None:
            where["ssl"] = tls
        with as_sink_errors(config.place):
            return await asyncpg.connect(
                **where,
                timeout=config.connect_timeout_s,
                command_timeout=config.statement_timeout_s + _MARGIN_S,
                server_settings=self._settings,
            )

    async def close(self) -> None:
        """Let go of all."""
        while self._open:
            _, connection = self._open.popitem()
            connection.terminate()


def _tls(config: PostgresConfig) -> str | ssl.SSLContext | None:
    if config.ca_file is None:
        return config.tls
    try:
        return ssl.create_default_context(cafile=str(config.ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"ca_file {config.ca_file} cannot be used: {error}", "Give a file of certificates in PEM."
        ) from error
