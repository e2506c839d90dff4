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
        self._client: Redis | RedisCluster | None = None

    async def open(self) -> None:
        """Reach Redis; anew when it was open. Raises SinkUnavailableError."""
        await self.close()
        with self.explained():
            if self._is_cluster:
                options = {name: value for name, value in self._options.items() if name != "db"}
                self._client = RedisCluster(**options)
                await self._client.initialize()
            else:
                self._client = Redis(**self._options)
            await self._client.ping()

    async def info(self) -> dict[str, Any]:
        """What Redis tells of itself (INFO), {} where this user may not ask. Raises SinkUnavailableError."""
        assert self._client is not None  # after `open`
        try:
            with self.explained():
                found = await self._client.info()
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
        if self._client is None:
            raise SinkUnavailableError(f"{self.where} is not connected")
        with self.explained():
            if isinstance(self._client, RedisCluster):
                node = self._client.get_node_from_key(key)
                if node is None:
                    raise ClusterDownError(f"no node holds the slot of {key}")
                connection = node.acquire_connection()
                async with _closed_when_broken(connection):
                    try:
                        yield connection
                    finally:
                        node.release(connection)
            else:
                pool = self._client.connection_pool
                connection = await pool.get_connection()  # type: ignore[no-untyped-call]  # of redis-py
                try:
                    async with _closed_when_broken(connection):
                        yield connection
                finally:
                    await pool.release(connection)

    async def close(self) -> None:
        """Let go of Redis; may be called again."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

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
