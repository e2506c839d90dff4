from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from ironstream.errors import BrokerError
from ironstream.gateway.outgoing import Outgoing
from ironstream.gateway.publisher import KafkaPublisher
from ironstream.gateway.settings import GatewaySettings


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address that refuses connections, because the port is bound and nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


async def test_a_flush_that_could_not_empty_says_how_many_records_are_left(nowhere: str) -> None:
    async with KafkaPublisher(GatewaySettings(bootstrap_servers=nowhere, backoff_initial_s=0.05)) as publisher:
        for _ in range(3):
            publisher.put(Outgoing("t", b"k", b"v"))
        with pytest.raises(BrokerError, match="3 records"):
            await publisher.flush(0.3)
        assert not publisher.connected


async def test_memory_is_bounded_by_making_the_reader_wait_and_log_lines_give_way_first(nowhere: str) -> None:
    settings = GatewaySettings(bootstrap_servers=nowhere, max_buffer_bytes=10_000)
    async with KafkaPublisher(settings) as publisher:
        await publisher.wait_for_room()
        publisher.put(Outgoing("t", None, b"x" * 6_000))
        assert not publisher.offer(Outgoing("logs.adapters", None, b"line"))
        await publisher.wait_for_room()
        publisher.put(Outgoing("t", None, b"x" * 6_000))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(publisher.wait_for_room(), 0.1)


async def test_an_empty_flush_needs_no_kafka(nowhere: str) -> None:
    async with KafkaPublisher(GatewaySettings(bootstrap_servers=nowhere)) as publisher:
        await publisher.flush(1)
