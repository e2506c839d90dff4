"""A PostgreSQL or TimescaleDB that a sink filled, as a store."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, Self

import asyncpg
import pyarrow as pa

from ironstream.contract import SeriesId
from ironstream.domain.times import EPOCH, MICROSECOND
from ironstream.query import postgres_sql as sql
from ironstream.query.errors import NothingStoredError, StoreUnreachableError
from ironstream.query.origins import Span, TakeOrigins
from ironstream.query.patterns import SeriesPattern
from ironstream.query.postgres_copy import CopiedOrigins
from ironstream.query.shapes import Shape, shape_of
from ironstream.query.store import LastValue
from ironstream.query.tables import shaped
from ironstream.sinks.classes import DataClass
from ironstream.sinks.postgres.config import PostgresConfig
from ironstream.sinks.postgres.connections import Connections
from ironstream.sinks.sink import SinkUnavailableError

_FIRST_ROWS: Final = 1_000
"""Rows of the first table, which may be all that is looked at."""
_ROWS: Final = 20_000
_DAY_US: Final = 86_400_000_000
_SLICES: Final = 400
_HINTS: Final = {
    "28": "Check user, password and the secret that holds it, and pg_hba.conf of the server.",
    "3D": "Is `database` of the sink the right one?",
    "42501": "Let the user read the tables (reader_role of the sink).",
    "42P01": "Was a table dropped? The sink makes what is missing when it starts.",
    "53": "The server is short of something: its log says of what.",
    "57014": "The server gave up: ask for a shorter time.",
}
_SETTINGS: Final = {
    "default_transaction_read_only": "on",
    # a question may take longer than a write
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
_PATIENCE_S: Final = 3600.0
_LOST: Final = "Is the server there, and does it take connections from here?"


class PostgresStore:
    """A database. All questions go over one connection, one after the other; the session can only read."""

    def __init__(self, connection: Any, config: PostgresConfig, where: str, labels: frozenset[str]) -> None:
        self._connection = connection
        self._schema = config.db_schema
        self._kept_days = config.retention.readings_days
        self._labels = labels
        self.where = where

    @classmethod
    async def open(cls, config: PostgresConfig, where: str) -> Self:
        """Connect as the sink does.

        Raises StoreUnreachableError; NothingStoredError where no sink has made its tables; ConfigurationError.
        """
        schema = config.db_schema
        try:
            connection = await Connections(config, "query", _SETTINGS).open()
        except SinkUnavailableError as error:
            raise StoreUnreachableError(error.message, error.hint) from error
        try:
            with _explained(where):
                tables = {row["relname"] for row in await connection.fetch(sql.TABLES, schema)}
            if "series" not in tables:
                raise NothingStoredError(
                    f"{where} has no tables of ironstream in schema {schema}.",
                    "The sink makes them when it first runs.",
                )
            return cls(connection, config, where, frozenset(_labels(tables)))
        except BaseException:
            await connection.close(timeout=5)
            raise

    @property
    def labels(self) -> frozenset[str]:
        """See Store."""
        return self._labels

    @property
    def readings_kept_days(self) -> int | None:
        """See Store."""
        return self._kept_days

    async def series(self, pattern: SeriesPattern, first_us: int, end_us: int) -> list[SeriesId]:
        """See Store: every series that was ever stored."""
        query, args = sql.series(self._schema, pattern)
        with _explained(self.where):
            return [SeriesId(*row) for row in await self._connection.fetch(query, *args, timeout=_PATIENCE_S)]

    async def last(self, pattern: SeriesPattern, first_us: int) -> list[LastValue]:
        """See Store."""
        query, args = sql.last(self._schema, pattern, _time(first_us))
        with _explained(self.where):
            found = await self._connection.fetch(query, *args, timeout=_PATIENCE_S)
        return [
            LastValue(
                SeriesId(*row[:4]),
                (row["time"] - EPOCH) // MICROSECOND,
                row["value"],
                row["unit"],
                row["quality"],
                tuple(row["reasons"] or ()),
            )
            for row in found
        ]

    async def rows(
        self, shape: Shape, pattern: SeriesPattern, first_us: int, end_us: int
    ) -> AsyncGenerator[pa.Table, None]:
        """See Store. The server holds the rows, and sends them as they are read."""
        if shape.label not in self._labels:
            return
        # of one series the key has the order; of many the server sorts, and has no room for more than some days
        slices = [(first_us, end_us)] if pattern.series is not None else _slices(first_us, end_us)
        size = _FIRST_ROWS
        with _explained(self.where):
            async with self._connection.transaction(isolation="repeatable_read", readonly=True):
                for first, end in slices:
                    query, args = sql.rows(self._schema, shape, pattern, _time(first), _time(end))
                    cursor = await self._connection.cursor(query, *args, timeout=_PATIENCE_S)
                    while found := await cursor.fetch(size, timeout=_PATIENCE_S):
                        yield _table(found, shape)
                        size = _ROWS

    async def origins(self, span: Span, pattern: SeriesPattern, take: TakeOrigins) -> None:
        """See Store. The server sends them as a binary copy, which costs a tenth of rows one by one."""
        if DataClass.READINGS not in self._labels:
            return
        every = not pattern.exact and not pattern.globs
        with _explained(self.where):
            async with self._connection.transaction(isolation="repeatable_read", readonly=True):
                query, args = sql.numbered_series(self._schema, pattern)
                found = await self._connection.fetch(query, *args, timeout=_PATIENCE_S)
                names = [SeriesId(*row[1:]) for row in found]
                copied = CopiedOrigins([row[0] for row in found], names, take)
                query = sql.origins(self._schema, span, None if every else copied.series_ids.tolist())
                await self._connection.copy_from_query(query, output=copied.feed, format="binary", timeout=_PATIENCE_S)
        copied.finish()

    async def close(self) -> None:
        """See Store."""
        try:
            await self._connection.close(timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self._connection.terminate()


def _table(found: list[Any], shape: Shape) -> pa.Table:
    columns = {field.name: pa.array([row[at] for row in found], field.type) for at, field in enumerate(shape.schema)}
    return shaped(pa.table(columns), shape)


def _slices(first_us: int, end_us: int) -> Iterator[tuple[int, int]]:
    """The range day by day (UTC), a very long one in longer steps."""
    step = _DAY_US * max(1, -(-(end_us - first_us) // (_DAY_US * _SLICES)))
    while first_us < end_us:
        until = min(end_us, (first_us // step + 1) * step)
        yield first_us, until
        first_us = until


def _labels(tables: set[str]) -> Iterator[str]:
    for name in tables:
        label = "alarms" if name == "alarm_journal" else name
        try:
            shape_of(label)
        except ValueError:
            continue
        if name != "alarms":
            yield label


def _time(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


@contextmanager
def _explained(where: str) -> Iterator[None]:
    try:
        yield
    except asyncpg.PostgresError as error:
        code = error.sqlstate or ""
        hint = _HINTS.get(code) or _HINTS.get(code[:2], "")
        raise StoreUnreachableError(f"{where}: {error}" + (f" ({code})" if code else ""), hint) from error
    except TimeoutError as error:
        raise StoreUnreachableError(f"{where} does not answer in time.", _LOST) from error
    except (OSError, EOFError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise StoreUnreachableError(f"{where} cannot be reached: {error or type(error).__name__}", _LOST) from error
