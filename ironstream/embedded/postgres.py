"""A PostgreSQL server as a child process: start, readiness, stop, kill, restart on the same data."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Final

from ironstream.embedded.account import Account
from ironstream.embedded.config import HOST
from ironstream.embedded.guarded import GuardedProcess
from ironstream.embedded.ports import free_port, is_free
from ironstream.embedded.postgres_storage import USER, PostgresStorage, programs
from ironstream.embedded.server import PORT_TRIES, EmbeddedServer
from ironstream.errors import DatabaseError

START_TIMEOUT_S: Final = 60.0
DATABASE: Final = "ironstream"
_LOCK_WAIT_S: Final = 15.0
_POLL_S: Final = 0.02
_TAIL_LINES: Final = 15
_READY: Final = "ready"
_SETTINGS: Final = {
    "listen_addresses": HOST,
    # a socket in a shared folder is another way in
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "60",
    "max_wal_size": "2GB",
    # one server, no replicas: less is written, and no senders wait for connections
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # short statements over many partitions: compiling them costs more than it gives
    "jit": "off",
    # the text of a failing statement may hold what nobody should read in a log
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL for this machine: one server on 127.0.0.1, whose data in `folder` outlive it.

    It listens on TCP alone and asks for the random password in `folder`. `port` 0 takes a free one, and keeps it for
    later starts of the same object. The server ends with this process, also when that is killed. Started by root it
    runs as the system user `ironstream`. Nothing is bound to an event loop: `asyncio.run(server.start())` leaves a
    server that any loop may use and stop.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        # SIGTERM would wait for every client to go
        super().__init__(GuardedProcess(polite=signal.SIGINT), port)
        self._storage = PostgresStorage(folder.absolute())
        self._before = ""

    @property
    def port(self) -> int:
        """Its port. Raises DatabaseError before the first start on a free one."""
        if not self._port:
            raise DatabaseError("The embedded PostgreSQL has no port before its start.", "Call start() first.")
        return self._port

    @property
    def dsn(self) -> str:
        """Where and as whom to connect, password included: `postgresql://…`, for whoever may do everything."""
        return self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        """The same for another database of the server."""
        return f"postgresql://{USER}:{self._storage.password}@{HOST}:{self.port}/{database}"

    @property
    def client_environment(self) -> dict[str, str]:
        """The same as `dsn` for PostgreSQL's own programs, which take it from their environment."""
        where = {"PGHOST": HOST, "PGPORT": str(self.port), "PGUSER": USER, "PGDATABASE": DATABASE}
        return where | {"PGPASSWORD": self._storage.password}

    @property
    def log_file(self) -> Path:
        """What the server said since its last start."""
        return self._storage.log

    async def start(self) -> None:
        """Make the data on first use, start, return when the server takes connections and the database is there.

        Raises DatabaseError when the folder is in use, damaged or of another version, the port is taken, or the server
        dies (with its last words). After an error nothing runs.
        """
        if self.running:
            return
        lock = await self._storage.lock(_LOCK_WAIT_S)
        try:
            account = await _to_the_end(self._storage)
            for attempt in range(1, PORT_TRIES + 1):
                try:
                    self._launch(account, lock)
                    await self._wait_until_ready()
                    await self._make_database()
                    self._port_is_ours = False  # clients know it now
                    break
                except BaseException as err:
                    self.kill()
                    if not (isinstance(err, _PortTakenError) and self._choose_another_port(attempt)):
                        raise
        finally:
            # from here on the lock is held by the server's processes alone
            os.close(lock)

    def _launch(self, account: Account | None, lock: int) -> None:
        if not self._port:
            self._port = free_port()
        elif not is_free(self._port):
            raise _PortTakenError(self._port)
        settings = _SETTINGS | {"port": str(self._port)}
        command = [str(programs() / "postgres"), "-D", self._storage.named(account)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._before = self._storage.state()
        with self._storage.log.open("wb") as output:
            self._process.launch(
                command, output, kept=lock, env=dict(os.environ) | {"LC_ALL": "C"}, folder=self._storage.data,
                account=account,
            )  # fmt: skip

    async def _wait_until_ready(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_TIMEOUT_S
        while loop.time() < deadline:
            if not self.running:
                raise self._died()
            if self._is_ready():
                return
            await asyncio.sleep(_POLL_S)
        raise DatabaseError(
            f"PostgreSQL has not become ready within {START_TIMEOUT_S:.0f} s. Its last words:\n{self._last_words()}",
            f"All of its log: {self._storage.log}",
        )

    def _is_ready(self) -> bool:
        """As the server notes it in its own file."""
        state = self._storage.state()
        lines = state.splitlines()
        # what a server left that was killed may hold the same process id: in a container they come again
        return state != self._before and len(lines) >= 8 and lines[7].strip() == _READY

    async def _make_database(self) -> None:
        import asyncpg  # who never starts a server need not load it

        connection = await asyncpg.connect(self.dsn_of("postgres"), timeout=START_TIMEOUT_S)
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()

    def _died(self) -> DatabaseError:
        words = self._last_words()
        if "Address already in use" in words:
            return _PortTakenError(self._port)
        return DatabaseError(
            f"PostgreSQL died at its start. Its last words:\n{words}",
            f"All of its log: {self._storage.log} (disk full? too little shared memory?)",
        )

    def _last_words(self) -> str:
        lines = self._storage.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:]) or "    (nothing)"


class _PortTakenError(DatabaseError):
    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} on {HOST} is taken by another program.",
            f"Find it with `ss -ltnp 'sport = :{port}'` and stop it, or choose another port (0: a free one).",
        )


async def _to_the_end(storage: PostgresStorage) -> Account | None:
    """Prepare in a thread that finishes even if this task is cancelled: it must not run beside what follows."""
    work = asyncio.ensure_future(asyncio.to_thread(storage.prepare))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise
