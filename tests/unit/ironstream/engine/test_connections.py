"""A connection whose transport is gone says so in aiokafka's terms, on uvloop too."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from ironstream.engine.connections import _send, send


async def broken_connection() -> AIOKafkaConnection:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = AIOKafkaConnection("127.0.0.1", port)
    connection._reader, connection._writer = await asyncio.open_connection("127.0.0.1", port)
    connection._versions = {3: (0, 1)}
    connection._read_task = asyncio.create_task(asyncio.sleep(60))
    connection._writer.transport.abort()
    await asyncio.sleep(0.05)
    server.close()
    return connection


def on_uvloop(work: Any) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())


def test_uvloop_raises_what_aiokafka_does_not_expect() -> None:
    async def work() -> None:
        with pytest.raises(RuntimeError):
            _send(await broken_connection(), MetadataRequest([]))

    on_uvloop(work)


def test_the_connection_is_closed_and_the_error_is_one_that_is_retried() -> None:
    async def work() -> None:
        connection = await broken_connection()
        with pytest.raises(KafkaConnectionError, match="closed") as raised:
            send(connection, MetadataRequest([]))
        assert raised.value.retriable
        assert not connection.connected()

    on_uvloop(work)
