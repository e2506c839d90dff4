"""The embedded PostgreSQL as an operator and the kernel treat it."""

from __future__ import annotations

import asyncio
import stat
import time
from pathlib import Path

import asyncpg
import pytest

from ironstream.embedded.postgres import EmbeddedPostgres
from ironstream.errors import DatabaseError
from tests.support import embedded


async def run(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_data_and_address_outlive_a_stop_with_a_client_still_there(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    async with server:
        before = server.dsn
        await run(server.dsn, "CREATE TABLE t AS SELECT 7 AS a")
        client = await asyncpg.connect(server.dsn)
        began = time.monotonic()
    assert time.monotonic() - began < 25  # after 30 s it would be killed
    assert server.pid is None
    assert client.is_closed() or await asyncio.to_thread(embedded.eventually, client.is_closed)
    async with server:
        assert server.dsn == before
        assert await run(server.dsn, "SELECT a FROM t") == 7


async def test_what_is_committed_outlives_a_kill(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path) as server:
        await run(server.dsn, "CREATE TABLE t AS SELECT 7 AS a")

        server.kill()
        assert not server.running
        await server.start()

        assert await run(server.dsn, "SELECT a FROM t") == 7


async def test_it_asks_for_a_password_that_its_owner_alone_can_read(postgres: EmbeddedPostgres) -> None:
    password = postgres.log_file.parent / "password"

    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert password.read_text().strip() in postgres.dsn
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.dsn, password="wrong")


def test_it_listens_on_loopback_alone_and_on_no_socket_of_the_file_system(postgres: EmbeddedPostgres) -> None:
    assert embedded.listens_on(postgres) == {"127.0.0.1"}
    process = embedded.process_of(postgres)
    assert process.net_connections("unix") == []
    assert process.uids().effective != 0


def test_it_ends_when_its_parent_is_killed_and_the_next_start_waits_for_that(tmp_path: Path) -> None:
    embedded.ends_with_its_parent(EmbeddedPostgres, tmp_path)


async def test_it_ends_when_its_guard_is_killed(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path) as server:
        await embedded.ends_with_its_guard(server)
        assert await run(server.dsn, "SELECT 1") == 1


async def test_a_taken_port_is_refused_with_its_number(tmp_path: Path) -> None:
    await embedded.refuses_a_taken_port(EmbeddedPostgres, tmp_path, DatabaseError)


async def test_a_folder_in_use_is_refused(postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    await embedded.refuses_a_folder_in_use(postgres, "PostgreSQL", DatabaseError, monkeypatch)


async def test_what_is_no_data_of_this_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(DatabaseError, match="is damaged: data/PG_VERSION"):
        await EmbeddedPostgres(tmp_path).start()
    (tmp_path / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(DatabaseError, match="are of PostgreSQL 9"):
        await EmbeddedPostgres(tmp_path).start()


async def test_a_server_that_dies_at_its_start_says_why(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    async with server:
        pass
    (tmp_path / "data" / "postgresql.conf").write_text("no_such_setting = 1\n")

    with pytest.raises(DatabaseError, match="no_such_setting") as caught:
        await server.start()

    assert str(server.log_file) in caught.value.hint
    assert not server.running


async def test_a_start_that_is_given_up_leaves_nothing_running(tmp_path: Path) -> None:
    await embedded.gives_up_a_start(EmbeddedPostgres(tmp_path))
