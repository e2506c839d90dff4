"""How the store is made, migrated and guarded, against a real server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from ironstream.embedded.postgres import EmbeddedPostgres
from ironstream.errors import ConfigurationError
from ironstream.sinks.postgres.config import PostgresConfig, TimescaleConfig
from ironstream.sinks.postgres.kind import POSTGRES, look
from ironstream.sinks.postgres.migrations import MIGRATIONS, Migration, migrate
from ironstream.sinks.postgres.sink import PostgresSink
from ironstream.sinks.registry import SINKS
from ironstream.sinks.sink import SinkContext, SinkUnavailableError
from tests.support.clean.records import aggregate, cut_of, event, reading, transition

CONTEXT = SinkContext("store")


@pytest.fixture
async def database(store: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(store)
    yield connection
    await connection.close()


async def connected(store: str, **config: Any) -> PostgresSink:
    sink = PostgresSink(PostgresConfig.model_validate({"dsn": store, **config}), CONTEXT)
    await sink.connect()
    return sink


def test_two_processes_make_one_store(store: str) -> None:
    script = (
        "import asyncio, sys\n"
        "from ironstream.sinks.postgres.sink import PostgresSink\n"
        "from ironstream.sinks.postgres.config import PostgresConfig\n"
        "from ironstream.sinks.sink import SinkContext\n"
        "async def main():\n"
        "    sink = PostgresSink(PostgresConfig(dsn=sys.argv[1]), SinkContext('s'))\n"
        "    print('ready', flush=True); sys.stdin.readline()\n"
        "    await sink.connect(); await sink.close()\n"
        "asyncio.run(main())\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script, store], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()

    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0]


async def test_many_that_connect_and_write_the_same_at_once_leave_each_row_once(
    store: str, database: asyncpg.Connection
) -> None:
    sinks = [PostgresSink(PostgresConfig.model_validate({"dsn": store}), CONTEXT) for _ in range(4)]
    records = [reading(number, parameter=f"p{number % 30}") for number in range(300)]

    await asyncio.gather(*(sink.connect() for sink in sinks))
    await asyncio.gather(*(sink.write(cut_of(sink, "telemetry.clean", records)) for sink in sinks))

    assert await database.fetchval("SELECT count(*) FROM ironstream.readings") == 300
    assert await database.fetchval("SELECT count(*) FROM ironstream.series") == 30
    assert await database.fetchval("SELECT count(*) FROM ironstream.migrations") == len(MIGRATIONS)
    for sink in sinks:
        await sink.close()


async def test_an_older_sink_writes_on_while_a_newer_one_adds_a_column(
    store: str, database: asyncpg.Connection
) -> None:
    sink = await connected(store)
    await sink.write(cut_of(sink, "telemetry.clean", [reading(1)]))
    newer = Migration(
        2, "who", 1, lambda schema, _: [f"ALTER TABLE {schema}.readings ADD COLUMN extra text DEFAULT 'none'"]
    )

    assert await migrate(database, "ironstream", migrations=[*MIGRATIONS, newer]) == [2]
    assert await migrate(database, "ironstream", migrations=[*MIGRATIONS, newer]) == []
    await sink.write(cut_of(sink, "telemetry.clean", [reading(2)]))
    again = await connected(store)
    await again.write(cut_of(again, "telemetry.clean", [reading(1), reading(3)]))

    found = await database.fetch("SELECT raw_offset, extra FROM ironstream.readings ORDER BY 1")
    assert [tuple(row) for row in found] == [(1, "none"), (2, "none"), (3, "none")]
    await sink.close()
    await again.close()


async def test_a_store_that_this_version_cannot_write_is_refused(store: str, database: asyncpg.Connection) -> None:
    await (await connected(store)).close()
    await migrate(database, "ironstream", migrations=[*MIGRATIONS, Migration(7, "all is new", 7, lambda *_: [])])

    with pytest.raises(ConfigurationError, match="version 7, which sinks below version 7 cannot write"):
        await connected(store)


async def test_a_migration_that_fails_leaves_nothing_behind(store: str, database: asyncpg.Connection) -> None:
    broken = Migration(2, "broken", 1, lambda schema, _: [f"CREATE TABLE {schema}.half ()", "SELECT 1/0"])

    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(database, "ironstream", migrations=[*MIGRATIONS, broken])

    assert await database.fetchval("SELECT to_regnamespace('ironstream') IS NULL")


async def test_a_reader_sees_the_rows_of_its_tenant_alone_and_no_partition(
    postgres: EmbeddedPostgres, store: str, database: asyncpg.Connection
) -> None:
    role = f"reader_{store.rsplit('/', 1)[1]}"
    with pytest.raises(ConfigurationError, match="CREATE ROLE"):
        await connected(store, row_level_security=True, reader_role=role)
    await database.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'r'")
    sink = await connected(store, row_level_security=True, reader_role=role)
    for tenant in ("acme", "other"):
        await sink.write(cut_of(sink, "telemetry.clean", [reading(1, tenant_id=tenant)]))
        await sink.write(cut_of(sink, "events.clean", [event(1, name="event-1", tenant_id=tenant)]))
        await sink.write(cut_of(sink, "alarms.clean", [transition(1, "o-1", 1, tenant_id=tenant)]))
    await sink.write(cut_of(sink, "telemetry.90s", [aggregate(1, 1)]))
    relations = ("series", "readings", "telemetry", "events", "alarms", "alarm_journal", "agg_90s")

    reader = await asyncpg.connect(store, user=role, password="r")

    async def tenants() -> list[list[str]]:
        return [
            [row[0] for row in await reader.fetch(f"SELECT tenant_id FROM ironstream.{name}")] for name in relations
        ]

    try:
        assert await tenants() == [[] for _ in relations]
        await reader.execute("SET ironstream.tenant = 'acme'")
        assert await tenants() == [["acme"] for _ in relations]
        await reader.execute("SET ironstream.tenant = 'other'")
        assert await tenants() == [*([["other"]] * 6), []]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.fetch("SELECT * FROM ironstream.readings_p20251121")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.execute("DELETE FROM ironstream.readings")
    finally:
        await reader.close()
        await sink.close()
        await database.execute(f"DROP OWNED BY {role}")
        await database.execute(f"DROP ROLE {role}")


async def test_a_reader_without_row_level_security_sees_every_tenant(store: str, database: asyncpg.Connection) -> None:
    role = f"reader_{store.rsplit('/', 1)[1]}"
    await database.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'r'")
    sink = await connected(store, reader_role=role)
    await sink.write(cut_of(sink, "telemetry.clean", [reading(1), reading(2, tenant_id="other")]))

    reader = await asyncpg.connect(store, user=role, password="r")
    try:
        assert await reader.fetchval("SELECT count(*) FROM ironstream.telemetry") == 2
    finally:
        await reader.close()
        await sink.close()
        await database.execute(f"DROP OWNED BY {role}")
        await database.execute(f"DROP ROLE {role}")


async def test_timescaledb_without_the_extension_is_a_fault_of_the_configuration(store: str) -> None:
    sink = PostgresSink(TimescaleConfig.model_validate({"dsn": store}), CONTEXT)

    with pytest.raises(ConfigurationError, match="kind: postgres"):
        await sink.connect()


async def test_a_store_in_hypertables_is_not_written_as_plain(store: str, database: asyncpg.Connection) -> None:
    # as the extension leaves it: a table that PostgreSQL does not know to be partitioned
    await migrate(database, "ironstream", hypertable=lambda _: [])

    with pytest.raises(ConfigurationError, match="made by a sink of kind timescaledb"):
        await connected(store)


async def test_two_stores_live_in_one_database(store: str, database: asyncpg.Connection) -> None:
    north, south = await connected(store, schema="north"), await connected(store, schema="south")
    await north.write(cut_of(north, "telemetry.clean", [reading(1)]))
    await south.write(cut_of(south, "telemetry.clean", [reading(1), reading(2)]))

    assert await database.fetchval("SELECT count(*) FROM north.readings") == 1
    assert await database.fetchval("SELECT count(*) FROM south.readings") == 2
    await north.close()
    await south.close()


async def test_the_test_of_the_kind_tells_what_is_there_and_makes_nothing(
    store: str, database: asyncpg.Connection
) -> None:
    config = PostgresConfig.model_validate({"dsn": store})

    before = await look(config, CONTEXT)
    await (await connected(store)).close()
    after = await look(config, CONTEXT)

    assert "PostgreSQL 18" in before
    assert "no timescaledb" in before
    assert "no store in schema ironstream yet" in before
    assert "store in schema ironstream of version 1" in after
    assert SINKS["postgres"] is POSTGRES


async def test_what_an_administrator_must_mend_says_so_and_holds_no_password(
    postgres: EmbeddedPostgres, store: str, database: asyncpg.Connection, nowhere: str
) -> None:
    role = f"weak_{store.rsplit('/', 1)[1]}"
    await database.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'hidden-one'")
    name = store.rsplit("/", 1)[1]
    where = {"host": "127.0.0.1", "port": postgres.port}
    faults = {
        "user and password": {**where, "database": name, "user": role, "password": "hidden-two"},
        "CREATE DATABASE": {**where, "database": "missing", "user": role, "password": "hidden-one"},
        "Grant it": {**where, "database": name, "user": role, "password": "hidden-one"},
        "Is the server there": {"dsn": f"postgresql://{role}:hidden-one@{nowhere}/{name}"},
        "the server there": {**where, "database": name, "user": role, "password": "hidden-one", "tls": "require"},
    }
    for hint, config in faults.items():
        sink = PostgresSink(PostgresConfig.model_validate(config), CONTEXT)
        with pytest.raises(SinkUnavailableError) as caught:
            await sink.connect()
        assert hint in caught.value.hint, (hint, str(caught.value))
        assert "hidden" not in str(caught.value)
    await database.execute(f"DROP ROLE {role}")
