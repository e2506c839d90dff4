"""aiokafka's connections on uvloop.

Writing to a transport that has just been closed raises RuntimeError there, where asyncio's own loop raises nothing.
aiokafka expects OSError at most: the task that keeps its metadata fresh would end by it without a word, and the client
would never again find a coordinator or a leader.
"""

from __future__ import annotations

from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_send: Any = AIOKafkaConnection.send


def send(connection: Any, request: Any, expect_response: bool = True) -> Any:
    """`AIOKafkaConnection.send`; raises KafkaConnectionError for a transport that is closed."""
    try:
        return _send(connection, request, expect_response)
    except RuntimeError as err:
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"Connection at {connection.host}:{connection.port} is closed: {err}") from err


def survive_closed_transports() -> None:
    """Let all connections of this process send so."""
    AIOKafkaConnection.send = send
