"""Connections to one Redis or to the nodes of a cluster, and what their errors ask a person to do."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterCrossSlotError,
    ClusterDownError,
    ConnectionError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    TimeoutError,
)

from ironstream.errors import ConfigurationError
from ironstream.sinks.redis_twin.config import RedisTwinConfig
from ironstream.sinks.sink import SinkUnavailableError

_HINTS: Final[tuple[tuple[tuple[type[Exception], ...], str], ...]] = (
    ((AuthenticationError, AuthorizationError), "Check username, password and the secret that holds it."),
    (
        (NoPermissionError,),
        "Let the user run WATCH, MULTI, EXEC, HMGET, HRANDFIELD, HSET, HDEL, EXPIRE and the Z… commands on the keys"
        " of key_prefix (ACL SETUSER).",
    ),
    (
        (OutOfMemoryError,),
        "Raise maxmemory, or let the twin hold less: retention_days, ring_fields, or no telemetry.1min in topics.",
    ),
    ((BusyLoadingError,), "Redis is loading its data from disk; nothing is to be done."),
    ((ReadOnlyError,), "This is a replica: give the address of the primary, or wait for the failover to end."),
    ((ClusterDownError, MovedError), "The cluster is being moved or has lost nodes; `redis-cli cluster info` tells."),
    ((ClusterCrossSlotError,), "This is a cluster: set `cluster: true`."),
    ((RedisClusterException,), "Is it a cluster? Else set `cluster: false`."),
)
_LOST: Final = "Is Redis running, is this its address and port, and does `tls` say what it speaks?"
_WRONGTYPE: Final = "A key of this name belongs to somebody else: choose another key_prefix or database."


class Connections:
    """Connections to what the configuration names. The constructor does no I/O.

    Raises ConfigurationError when a certificate or key cannot be read.
    """

    def __init__(self, config: RedisTwinConfig) -> None:
        self.where = f"Redis at {config.host}:{config.port}"
        self._options = _options(config)
        self._is_cluster = config.cluster
        self._client: _Client | None = None

    async def open(self) -> None:
        """Reach Redis; anew when it was open: whoever works with what was open goes on. Raises SinkUnavailableError."""
        with self.explained():
            if self._is_cluster:
                options = {name: value for name, value in self._options.items() if name != "db"}
                client = _Client(RedisCluster(**options))
            else:
                client = _Client(Redis(**self._options))
            try:
                await client.reach()
            except BaseException:
                await client.retire()
                raise
        before, self._client = self._client, client
        if before is not None:
            await before.retire()

    async def info(self) -> dict[str, Any]:
        """What Redis tells of itself (INFO), {} where this user may not ask. Raises SinkUnavailableError."""
        assert self._client is not None  # after `open`
        try:
            with self.explained():
                found = await self._client.redis.info()
        except SinkUnavailableError as error:
            if isinstance(error.__cause__, ConnectionError | TimeoutError):
                raise
            return {}
        # a cluster answers for each of its nodes
        return next(iter(found.values()), {}) if self._is_cluster else found

    @asynccontextmanager
    async def connection(self, key: str) -> AsyncIterator[AbstractConnection]:
        """A connection to the node that holds `key`; left broken it is closed, and with it what it watches.

        Raises SinkUnavailableError for whatever Redis has against what was done with it.
        """
        client = self._client
        if client is None:
            raise SinkUnavailableError(f"{self.where} is not connected")
        with self.explained():
            async with client.used(), client.connection(key) as connection, _closed_when_broken(connection):
                yield connection

    async def close(self) -> None:
        """Let go of Redis; may be called again."""
        client, self._client = self._client, None
        if client is not None:
            await client.redis.aclose()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """What Redis or the way to it answers becomes a SinkUnavailableError that says what to do."""
        try:
            yield
        except (RedisError, RedisClusterException, OSError) as error:
            hint = next((text for kinds, text in _HINTS if isinstance(error, kinds)), "")
            if not hint and isinstance(error, ConnectionError | TimeoutError | OSError):
                hint = _LOST
            elif not hint and str(error).startswith("WRONGTYPE"):
                hint = _WRONGTYPE
            # what the server says may quote what it was sent, but never a password
            raise SinkUnavailableError(f"{self.where}: {str(error) or type(error).__name__}", hint) from error


class _Client:
    """A client of redis-py. It is closed when it is retired and nobody works with it any more.

    Closed under somebody's hands it would fail in ways that are no error of Redis.
    """

    def __init__(self, redis: Redis | RedisCluster) -> None:
        self.redis = redis
        self._users = 0
        self._retired = False

    async def reach(self) -> None:
        """Connect."""
        if isinstance(self.redis, RedisCluster):
            await self.redis.initialize()
        await self.redis.ping()

    async def retire(self) -> None:
        """Close it, now or when the last user is done."""
        self._retired = True
        if not self._users:
            await self.redis.aclose()

    @asynccontextmanager
    async def used(self) -> AsyncIterator[None]:
        """Somebody works with it."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if self._retired and not self._users:
                await self.redis.aclose()

    @asynccontextmanager
    async def connection(self, key: str) -> AsyncIterator[AbstractConnection]:
        """A connection to the node that holds a key."""
        if isinstance(self.redis, RedisCluster):
            node = self.redis.get_node_from_key(key)
            if node is None:
                raise ClusterDownError(f"no node holds the slot of {key}")
            connection = node.acquire_connection()
            try:
                yield connection
            finally:
                node.release(connection)
        else:
            pool = self.redis.connection_pool
            connection = await pool.get_connection()  # type: ignore[no-untyped-call]  # of redis-py
            try:
                yield connection
            finally:
                await pool.release(connection)


@asynccontextmanager
async def _closed_when_broken(connection: AbstractConnection) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        # also when cancelled: replies that nobody read, and keys that are still watched, must not meet the next user
        await connection.disconnect(nowait=True)
        raise


def _options(config: RedisTwinConfig) -> dict[str, Any]:
    options: dict[str, Any] = {
        "host": config.host,
        "port": config.port,
        "db": config.database,
        "username": config.username,
        "password": config.password.get_secret_value() if config.password else None,
        "socket_timeout": config.timeout_s,
        "socket_connect_timeout": config.timeout_s,
        "protocol": 2,
        # the flow repeats a write; a repeat in here would run a transaction without what it watched
        "retry": Retry(NoBackoff(), 0),
    }
    if config.tls:
        _check_files(config)
        options |= {
            "ssl": True,
            "ssl_ca_certs": config.tls_ca_file,
            "ssl_certfile": config.tls_cert_file,
            "ssl_keyfile": config.tls_key_file,
        }
    return options


def _check_files(config: RedisTwinConfig) -> None:
    try:
        context = ssl.create_default_context(cafile=config.tls_ca_file)
        if config.tls_cert_file:
            context.load_cert_chain(config.tls_cert_file, config.tls_key_file)
    except OSError as error:  # ssl.SSLError among them
        files = [file for file in (config.tls_ca_file, config.tls_cert_file, config.tls_key_file) if file]
        raise ConfigurationError(
            f"the TLS files of the twin cannot be used ({', '.join(files)}): {error}",
            "Check tls_ca_file, tls_cert_file and tls_key_file.",
        ) from error
