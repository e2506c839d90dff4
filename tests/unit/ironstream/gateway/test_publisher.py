from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from ironstream.errors import BrokerError
from ironstream.gateway.buffer_file import BufferFile
from ironstream.gateway.buffer_stats import BufferStats
from ironstream.gateway.outgoing import Outgoing, Priority
from ironstream.gateway.publisher import KafkaPublisher
from ironstream.gateway.settings import GatewaySettings


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


def on_disk(folder: Path) -> list[Outgoing]:
    file = BufferFile(folder / "gateway.sqlite", 1 << 30)
    try:
        return [record for chunk in file.read(0, 1 << 30) for record in chunk.records]
    finally:
        file.close()


async def test_with_a_folder_what_waits_is_on_disk_at_the_end_and_nothing_is_lost(nowhere: str, tmp_path: Path) -> None:
    settings = GatewaySettings(bootstrap_servers=nowhere, buffer_dir=tmp_path / "buffer")
    async with KafkaPublisher(settings) as publisher:
        for number in range(300):
            publisher.put(Outgoing("t", b"k", str(number).encode()))
        await publisher.flush(0.1)
        publisher.put(Outgoing("t", b"k", b"after the flush"))
        publisher._progress()  # as if Kafka had just taken something: no reason to go to disk but the end
    assert [record.value for record in on_disk(tmp_path / "buffer")] == [
        *(str(number).encode() for number in range(300)),
        b"after the flush",
    ]


async def test_with_a_folder_reading_goes_on_beyond_the_memory(nowhere: str, tmp_path: Path) -> None:
    settings = GatewaySettings(bootstrap_servers=nowhere, buffer_dir=tmp_path, max_buffer_bytes=10_000)
    async with KafkaPublisher(settings) as publisher:
        for number in range(500):
            async with asyncio.timeout(20):
                await publisher.wait_for_room()
            publisher.put(Outgoing("t", b"k", str(number).encode().ljust(500, b".")))
        await publisher.flush(0.1)
    assert [int(record.value.rstrip(b".")) for record in on_disk(tmp_path)] == list(range(500))


async def test_reading_waits_when_only_alarms_are_left(nowhere: str, tmp_path: Path) -> None:
    settings = GatewaySettings(bootstrap_servers=nowhere, buffer_dir=tmp_path, buffer_max_bytes=20_000)
    async with KafkaPublisher(settings) as publisher:
        publisher.put(Outgoing("t", b"k", b"reading" * 100))
        for _ in range(30):
            publisher.put(Outgoing("t", b"k", b"alarm" * 200, Priority.ALARM))
        await publisher.flush(0.1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(publisher.wait_for_room(), 0.1)
    assert {record.priority for record in on_disk(tmp_path)} == {Priority.ALARM}


async def test_a_folder_that_cannot_be_used_is_as_none(nowhere: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    stats = BufferStats(CollectorRegistry())
    settings = GatewaySettings(bootstrap_servers=nowhere, buffer_dir=tmp_path / "file", max_buffer_bytes=10_000)
    async with KafkaPublisher(settings, stats) as publisher:
        publisher.put(Outgoing("t", None, b"x" * 12_000))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(publisher.wait_for_room(), 0.1)
        with pytest.raises(BrokerError, match="1 records"):
            await publisher.flush(0.3)
    assert not stats.usable


async def test_what_comes_while_the_disk_refuses_stays_behind_what_was_there(
    nowhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = GatewaySettings(bootstrap_servers=nowhere, buffer_dir=tmp_path)
    async with KafkaPublisher(settings) as publisher:
        buffer = publisher._buffer
        assert buffer is not None
        append = buffer.append

        async def refuse(in_flight: Sequence[Outgoing], queued: Sequence[Outgoing]) -> list[int] | None:
            monkeypatch.setattr(buffer, "append", append)
            publisher.put(Outgoing("t", b"k", b"3"))
            publisher.put(Outgoing("t", b"k", b"4"))
            return None

        monkeypatch.setattr(buffer, "append", refuse)
        publisher.put(Outgoing("t", b"k", b"1"))
        publisher.put(Outgoing("t", b"k", b"2"))
        assert not await publisher._spill(buffer)
    assert [record.value for record in on_disk(tmp_path)] == [b"1", b"2", b"3", b"4"]
