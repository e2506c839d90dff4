"""Writes cuts of clean data into PostgreSQL by binary COPY, each cut in one transaction, each row once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import structlog
from numpy.typing import NDArray

from ironstream.engine.api import Chunk
from ironstream.engine.crashpoints import crash_point
from ironstream.sinks.columns import decode_columns
from ironstream.sinks.columns.names import names_of
from ironstream.sinks.postgres import retention, series, sifting, timescale
from ironstream.sinks.postgres.config import PostgresConfig, TimescaleConfig
from ironstream.sinks.postgres.connections import Connections
from ironstream.sinks.postgres.copy import Encoded, encode_columns, encode_rows
from ironstream.sinks.postgres.errors import (
    PartitionGoneError,
    RefusedError,
    as_sink_errors,
    as_sink_or_row_errors,
)
from ironstream.sinks.postgres.migrations import lock_statement
from ironstream.sinks.postgres.partitions import Partitions
from ironstream.sinks.postgres.rows import checked, columns_of, days_of, gather, in_order, superseded
from ironstream.sinks.postgres.statements import stage_name, write_statements
from ironstream.sinks.postgres.store import Store
from ironstream.sinks.postgres.tables import ALARM_JOURNAL, STANDARD_SIZES, Table, aggregates, size_s, table_of
from ironstream.sinks.progress import progress_told
from ironstream.sinks.sink import Cut, Limits, Prepared, Refusal, SinkContext, SinkError

_log = structlog.get_logger(__name__)
_LIMITS: Final = Limits(rows=50_000)
_REFUSED: Final = "refused"
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Rows:
    """What is to be written: columns as Arrow and as bytes, and which of their rows in which order."""

    columns: Mapping[str, pa.Array]
    encoded: Encoded
    order: Rows


def _now() -> datetime:
    return datetime.now(UTC)


class PostgresSink:
    """One schema of one database. `now` is the clock that retention goes by."""

    def __init__(self, config: PostgresConfig, context: SinkContext, now: Callable[[], datetime] = _now) -> None:
        settings = timescale.SETTINGS if isinstance(config, TimescaleConfig) else {}
        self._config = config
        self._schemas = context.schemas
        self._now = now
        self._place = config.place
        self._connections = Connections(config, context.id, settings)
        self._store = Store(config)
        self._series = series.Series(config.db_schema, self._place)
        self._partitions = (
            None
            if isinstance(config, TimescaleConfig)
            else Partitions(config.db_schema, lock_statement(config.db_schema))
        )
        self._ensured: set[str] = set()
        # tables whose last cut held rows that were there already, as the cuts of a replay do
        self._repeating: set[str] = set()
        # by table: the cut that is being written, and what is known to be refused of it, by row
        self._refused: dict[str, tuple[Cut[pa.Table], dict[int, str]]] = {}
        self._dropping: asyncio.Task[None] | None = None
        self._dropped_at: float | None = None

    @property
    def limits(self) -> Limits:
        """Cuts of a size at which the statement costs more than the round trips."""
        return _LIMITS

    def prepare(self, chunk: Chunk) -> Prepared[pa.Table]:
        """The chunk as columns; what no server could store is refused here."""
        return checked(decode_columns(chunk, self._schemas), table_of(chunk.topic))

    async def connect(self) -> None:
        """Make or migrate the store."""
        connection = await self._connections.open()
        try:
            with as_sink_errors(self._place):
                await self._store.prepare(connection, [aggregates(size) for size in STANDARD_SIZES])
        finally:
            connection.terminate()
        # it may be another server, or an older copy, that answers now
        self._series.forget()
        if self._partitions is not None:
            self._partitions.forget()
        self._ensured.clear()

    async def write(self, cut: Cut[pa.Table]) -> Sequence[Refusal]:
        """Write a cut in one transaction; a repeat changes nothing."""
        table = table_of(cut.topic)
        known = self._known_of(table, cut)
        try:
            with progress_told(lambda: len(known)):
                refusals = await self._write(cut, table, known)
        except BaseException as error:
            # whatever it was doing: a connection that was cut off in the middle is good for nothing
            self._connections.drop(table)
            if isinstance(error, PartitionGoneError) and self._partitions is not None:
                self._partitions.forget(table.name)
            raise
        self._refused.pop(table.name, None)
        self._drop_old()
        return refusals

    async def close(self) -> None:
        """Let go of all connections."""
        if self._dropping is not None:
            self._dropping.cancel()
            with suppress(asyncio.CancelledError):
                await self._dropping
        await self._connections.close()

    async def _write(self, cut: Cut[pa.Table], table: Table, known: dict[int, str]) -> list[Refusal]:
        rows = await asyncio.to_thread(gather, cut)
        connection = await self._connections.of(table)
        with as_sink_errors(self._place):
            if table.name not in self._ensured:
                await self._store.ensure(connection, table)
                self._ensured.add(table.name)
        some = self._kept(table, rows)
        refusals: list[Refusal] = []
        numbers = None
        if table.has_series:
            names, which, last = await asyncio.to_thread(names_of, rows)
            of_series, refused = await self._series.numbers(connection, names)
            if "site_name" in rows.column_names:
                await self._series.describe(connection, names, of_series, series.attributes_of(rows, last))
            numbers = of_series[which]
            for at in some[numbers[some] == series.NONE]:
                refusals.append(Refusal(int(at), _REFUSED, refused[int(which[at])]))
            some = some[numbers[some] != series.NONE]
        if not len(some):
            return refusals
        await self._make_partitions(connection, table, rows, some)
        columns = columns_of(table, rows, numbers)
        while len(some):
            encoded, order = await asyncio.to_thread(_encoded, table, columns, some)
            left = order[~np.isin(order, list(known))]
            if len(left):
                await self._put(connection, table, _Rows(columns, encoded, left), known)
            places = [place for place in order.tolist() if place in known]
            refusals += [Refusal(place, _REFUSED, known[place]) for place in places]
            # where the newest of a key was refused, the one before it counts
            some = superseded(table, columns, some, order, places)
        return sorted(refusals, key=lambda refusal: refusal.place)

    def _known_of(self, table: Table, cut: Cut[pa.Table]) -> dict[int, str]:
        """Rows of the cut that are refused, with the reason, as far as earlier tries have found out.

        Where a server takes its time for each of many, they may be more than one try can find.
        """
        before = self._refused.get(table.name)
        known = before[1] if before is not None and before[0] is cut else {}
        self._refused[table.name] = cut, known
        return known

    def _kept(self, table: Table, rows: pa.Table) -> Rows:
        """Rows that are not too old already: they have been stored and let go of, or would be at once."""
        every = np.arange(len(rows))
        days = days_of(table, rows)
        oldest = retention.first_day(self._config.retention, table, self._now())
        if days is None or oldest is None:
            return every
        kept: Rows = every[days >= oldest]
        if len(kept) < len(every):
            _log.info("rows_past_retention", place=self._place, table=table.name, rows=len(every) - len(kept))
        return kept

    async def _make_partitions(self, connection: Any, table: Table, rows: pa.Table, some: Rows) -> None:
        days = days_of(table, rows)
        if self._partitions is None or days is None:
            return
        interval = self._config.interval_days(table.data_class, table.size, size_s(table))
        with as_sink_errors(self._place):
            await self._partitions.ensure(connection, table, np.unique(days[some]).tolist(), interval)

    async def _put(self, connection: Any, table: Table, rows: _Rows, known: dict[int, str]) -> None:
        """Write rows, straight into the table where none of them is likely to be there already.

        `known` gets those that are refused, with the reason; all others are written.
        """
        if table.mostly_new and table.name not in self._repeating:
            try:
                with as_sink_or_row_errors(self._place):
                    await self._copy(connection, table, rows, table.name, self._config.db_schema)
                return
            except RefusedError:
                # some are there, or some are bad: nothing was written
                self._repeating.add(table.name)
        try:
            with as_sink_or_row_errors(self._place):
                changed = await self._put_staged(connection, table, rows)
        except RefusedError:
            await self._put_sifted(connection, table, rows, known)
            return
        if changed == len(rows.order):
            self._repeating.discard(table.name)

    async def _put_staged(self, connection: Any, table: Table, rows: _Rows) -> int:
        """How many were not there already."""
        async with connection.transaction():
            await self._copy(connection, table, rows, stage_name(table))
            done = []
            for statement in write_statements(self._config.db_schema, table):
                done.append(await connection.execute(statement))
                crash_point("in_write")
        return int(done[0].rpartition(" ")[2])

    async def _put_sifted(self, connection: Any, table: Table, rows: _Rows, known: dict[int, str]) -> None:
        found: dict[int, str] = {}
        call_s = min(sifting.CALL_S, self._config.statement_timeout_s / 4)
        numbered = await asyncio.to_thread(sifting.numbered, table, rows.encoded, rows.columns, rows.order)
        try:
            with as_sink_errors(self._place):
                async with connection.transaction():
                    for statement in sifting.prepare_statements(self._config.db_schema, table):
                        await connection.execute(statement)
                    stage, names = sifting.stage_name(table), sifting.stage_names(table)
                    await self._copy(connection, table, replace(rows, encoded=numbered), stage, names=names)
                    await sifting.sift(connection, table, len(rows.order), call_s, found)
                    crash_point("in_write")
        finally:
            known |= {int(rows.order[place]): reason for place, reason in found.items()}

    async def _copy(
        self,
        connection: Any,
        table: Table,
        rows: _Rows,
        into: str,
        schema: str | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        payload = await asyncio.to_thread(encode_rows, rows.encoded, rows.order)
        await connection.copy_to_table(
            into, schema_name=schema, source=payload, columns=names or table.names, format="binary"
        )
        # staged it is nowhere yet; copied straight into its table it is there, and nobody has been told
        crash_point("in_write")

    def _drop_old(self) -> None:
        """Once an hour, beside the writing."""
        now = asyncio.get_running_loop().time()
        due = self._dropped_at is None or now - self._dropped_at >= retention.EVERY_S
        if due and (self._dropping is None or self._dropping.done()):
            self._dropped_at = now
            self._dropping = asyncio.create_task(self._drop())

    async def _drop(self) -> None:
        try:
            dropped = await self.drop_old()
        except SinkError as error:
            _log.warning("retention_failed", place=self._place, error=error.message, hint=error.hint)
            return
        if dropped:
            _log.info("retention", place=self._place, dropped=dropped)

    async def drop_old(self) -> list[str]:
        """Let go of what is older than it is to be kept: names of what went. Raises SinkUnavailableError."""
        connection = await self._connections.open()
        try:
            with as_sink_errors(self._place):
                partitioned = [] if self._partitions is None else await self._store.tables(connection)
                return await retention.drop_old(
                    connection,
                    self._config.db_schema,
                    [*partitioned, ALARM_JOURNAL],
                    self._config.retention,
                    self._now(),
                )
        finally:
            connection.terminate()
            if self._partitions is not None:
                self._partitions.forget()


def _encoded(table: Table, columns: Mapping[str, pa.Array], some: Rows) -> tuple[Encoded, Rows]:
    types = {column.name: column.staged_type for column in table.columns}
    return encode_columns(types, columns), in_order(table, columns, some)
