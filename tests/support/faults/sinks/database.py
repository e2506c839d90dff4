"""What is done to the database of a sink. Each returns when it has been done and the sink writes again."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any, Final

import asyncpg
import psutil

from ironstream.embedded.postgres import EmbeddedPostgres
from ironstream.sinks.postgres.migrations import lock_statement
from ironstream.sinks.postgres.partitions import Partitions, list_partitions
from ironstream.sinks.postgres.tables import READINGS
from tests.support.faults.sinks import faults
from tests.support.faults.sinks.plant import SinkPlant
from tests.support.faults.sinks.targets import PostgresStore
from tests.support.sinks.rig import Sink

ROLE: Final = "storekeeper"
_SAYS_S: Final = 30.0
_SEGMENT: Final = 16 * 1024 * 1024
"""Files of the server's log are made this large, and must stay writable: a server that cannot write it ends."""
_FILLED: Final = 3
"""Partitions: the load may come over midnight between two looks, and writes of yesterday go on then."""
_OURS: Final = "application_name LIKE 'ironstream-%'"
_FILLER: Final = """
    INSERT INTO {table} (tenant_id, series_id, time, quality, unit, raw_partition, raw_offset)
    SELECT 'filler', 0, timestamptz '{day}', 0, repeat('x', 1900), 0, n FROM generate_series(1, 9000) AS n"""


async def owned_database(server: EmbeddedPostgres, name: str) -> str:
    """A database of its own, and how a sink connects to it that may do no more than it needs."""
    async with connected(server.dsn) as connection:
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", ROLE):
            await connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'kept'")
        await connection.execute(f"CREATE DATABASE {name} OWNER {ROLE}")
    return f"postgresql://{ROLE}:kept@127.0.0.1:{server.port}/{name}"


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Any]:
    """A connection as whom a DSN says: a server's own is that of somebody who may do everything."""
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


class Database:
    """The server of a store, for whoever breaks it."""

    def __init__(self, on: SinkPlant, store: PostgresStore, server: EmbeddedPostgres) -> None:
        self._on, self._store, self._server = on, store, server
        self._dsn = server.dsn_of(store.dsn.rpartition("/")[2])

    async def stop(self, seconds: float, *, killed: bool) -> None:
        """The server is stopped in order, or by kill -9, and comes back on its data."""
        process = await self._begin()
        if killed:
            self._server.kill()
        else:
            await self._server.stop()
        self._on.faults["kill -9 of the database" if killed else "stop of the database"] += 1
        await asyncio.sleep(seconds)
        await self._server.start()
        await self._end(process)

    async def cut_connections(self, times: int = 5) -> None:
        """The server ends the sink's connections, whatever they are doing."""
        process = await self._begin()
        async with connected(self._dsn) as connection:
            for _ in range(times):
                await asyncio.sleep(self._on.random.uniform(0.05, 0.3))
                await connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_OURS}")
        self._on.faults["connections cut"] += 1
        await self._end(process)

    async def lock(self, *, killed: bool) -> None:
        """Somebody locks a table past the statement timeout; `killed`: the sink dies (kill -9) while it waits."""
        process = await self._begin()
        async with connected(self._dsn) as connection, connection.transaction():
            await connection.execute(f"LOCK TABLE {self._store.schema}.readings IN ACCESS EXCLUSIVE MODE")
            if killed:
                # pg_stat_activity does not change within a transaction
                while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    assert process.child.poll() is None, process.said()[-3000:]
                    await asyncio.sleep(0.05)
                self._on.kill(process)
                process = self._on.start(self._store.id)
            else:
                await self._says(process, "57014")
        self._on.faults["table locked" + (", killed while it waits" if killed else "")] += 1
        await self._end(process)

    async def take_privilege(self) -> None:
        """The sink may not write into a table for a while."""
        process = await self._begin()
        table = f"{self._store.schema}.readings"
        async with connected(self._dsn) as connection:
            await connection.execute(f"REVOKE INSERT ON {table} FROM {ROLE}")
            await self._says(process, "42501")
            await connection.execute(f"GRANT INSERT ON {table} TO {ROLE}")
        self._on.faults["privilege taken"] += 1
        await self._end(process)

    async def fill_disk(self) -> None:
        """No table of readings can grow: as on a full disk (faults/disks.py), with the server's own log spared."""
        process = await self._begin()
        async with connected(self._dsn) as connection:
            await self._make_long_files(connection)
            self._limit_files(_SEGMENT)
            try:
                await self._says(process, "could not extend file")
            finally:
                self._limit_files(resource.RLIM_INFINITY)
        self._on.faults["no room for the database"] += 1
        await self._end(process)

    async def _make_long_files(self, connection: Any) -> None:
        """The partitions that rows of now go into, the next day's too, may not grow once files are limited.

        They are filled with rows that are gone again: what they took stays taken as long as nobody cleans up.
        """
        schema = self._store.schema
        there = await list_partitions(connection, schema, READINGS.name)
        # by the sink's own user, as the sink would make it when the load comes to it
        async with connected(self._store.dsn) as sink:
            tomorrow = Partitions(schema, lock_statement(schema))
            await tomorrow.ensure(sink, READINGS, [there[-1].end_day], 1)
        for one in (await list_partitions(connection, schema, READINGS.name))[-_FILLED:]:
            table = f"{schema}.{one.name}"
            if await connection.fetchval("SELECT pg_relation_size($1::text::regclass)", table) > _SEGMENT:
                continue
            await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
            day = date(1970, 1, 1) + timedelta(days=one.first_day)
            await connection.execute(_FILLER.format(table=table, day=f"{day} 12:00+00"))
            await connection.execute(f"DELETE FROM {table} WHERE tenant_id = 'filler'")
            # Pages have some room left, for thousands of rows over all of them: from now on rows go into empty ones.
            await connection.execute(f"ALTER TABLE {table} SET (fillfactor = 10)")

    def _limit_files(self, nbytes: int) -> None:
        assert self._server.pid is not None
        server = psutil.Process(self._server.pid)
        _limit(server, nbytes)
        # those that it makes from now on have the limit from it
        for process in server.children():
            _limit(process, nbytes)

    async def _begin(self) -> Sink:
        process = faults.only(self._on, self._store.id)
        await self._on.works(self._store.id)
        self._heard = len(process.said())
        return process

    async def _says(self, process: Sink, what: str) -> None:
        deadline = time.monotonic() + _SAYS_S
        while what not in process.said()[self._heard :]:
            assert process.child.poll() is None, process.said()[-3000:]
            assert time.monotonic() < deadline, f"nothing of {what}\n{process.said()[-3000:]}"
            await asyncio.sleep(0.1)

    async def _end(self, process: Sink) -> None:
        await self._on.works(self._store.id)
        assert process.child.poll() is None, f"what happens to its database must not end it\n{process.said()[-3000:]}"


def _limit(process: psutil.Process, nbytes: int) -> None:
    """Limit how large it may make a file; nothing happens where it has ended."""
    try:
        uids, gids = process.uids(), process.gids()
        # as whoever it runs as: root may be without the right to limit others
        subprocess.run(
            ["prlimit", f"--pid={process.pid}", f"--fsize={'unlimited' if nbytes < 0 else nbytes}:"],
            user=uids.real, group=gids.real, extra_groups=[] if os.getuid() == 0 else None, check=True,
            capture_output=True,
        )  # fmt: skip
    except (psutil.NoSuchProcess, subprocess.CalledProcessError):
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            raise
