from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ironstream.gateway.buffer_file import BufferFile
from ironstream.gateway.buffer_stats import BufferStats
from ironstream.gateway.chunks import Chunk
from ironstream.gateway.delivery import Delivery
from ironstream.gateway.disk_buffer import DiskBuffer
from ironstream.gateway.outgoing import Outgoing, Priority
from ironstream.gateway.settings import GatewaySettings

CAP = 20_000


@dataclass
class Clocks:
    wall_s: float = 1_000_000.0
    monotonic_s: float = 50.0

    def pass_s(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds


@dataclass
class Bench:
    folder: Path
    clocks: Clocks = field(default_factory=Clocks)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    lost: list[Outgoing] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stats = BufferStats(self.registry)

    @asynccontextmanager
    async def opened(self, **settings: Any) -> AsyncIterator[DiskBuffer]:
        buffer = DiskBuffer(
            GatewaySettings(buffer_dir=self.folder, buffer_max_bytes=CAP, hostname="gw", **settings),
            self.stats,
            self.lost.extend,
            wall_s=lambda: self.clocks.wall_s,
            monotonic_s=lambda: self.clocks.monotonic_s,
        )
        await buffer.open()
        try:
            yield buffer
        finally:
            await buffer.close()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "buffer")


def outgoing(text: str, priority: Priority = Priority.NORMAL, delivery: Delivery | None = None) -> Outgoing:
    return Outgoing("telemetry.raw", b"a", text.encode().ljust(100, b"."), priority, delivery)


def reading(seq: int, asset: str = "pump") -> Outgoing:
    body = {
        "asset_id": asset, "parameter": "t", "value": 1.0, "metadata": {"boot": "b1", "seq": seq},
        "timestamps": {"gateway_time": f"2025-01-10T12:00:00.{seq:06}Z"},
    }  # fmt: skip
    return Outgoing("telemetry.raw", f"default/default/{asset}".encode(), json.dumps(body).encode())


def texts(chunks: list[Chunk]) -> list[str]:
    return [record.value.decode().rstrip(".") for chunk in chunks for record in chunk.records]


async def test_a_record_leaves_the_disk_only_when_it_is_removed(bench: Bench) -> None:
    async with bench.opened() as buffer:
        assert await buffer.append([outgoing("way")], [outgoing("1"), outgoing("2")]) == [1]
        assert buffer.waiting == 2
        chunks = await buffer.read(1 << 20)
        assert (texts(chunks), buffer.waiting) == (["1", "2"], 0)
        await buffer.remove([1])
    async with bench.opened() as buffer:
        assert buffer.waiting == 2
        chunks = await buffer.read(1 << 20)
        assert texts(chunks) == ["1", "2"]
        await buffer.remove([chunk.id for chunk in chunks])
    async with bench.opened() as buffer:
        assert (buffer.waiting, await buffer.read(1)) == (0, [])


async def test_whoever_waits_for_a_delivery_is_told_when_its_record_was_dropped_and_else_gets_that_very_record(
    bench: Bench,
) -> None:
    first, last = Delivery(), Delivery()
    first.expect()
    async with bench.opened() as buffer:
        await buffer.append([], [outgoing("first", Priority.LOW, first)])
        first.settle()
        waited = outgoing("waited", Priority.HIGH, last)
        for number in range(200):
            await buffer.append([], [outgoing(str(number)), *([waited] if number == 0 else [])])
        assert first._settled.is_set()
        assert not last._settled.is_set()
        found = [record for chunk in await buffer.read(1 << 30) for record in chunk.records]
        assert any(record is waited for record in found)


async def test_a_folder_that_cannot_be_used_is_told_and_tried_again(bench: Bench) -> None:
    bench.folder.write_text("in the way")
    async with bench.opened() as buffer:
        assert [buffer.usable] == [False]
        assert str(bench.folder) in str(bench.stats.fault)
        assert await buffer.append([], [outgoing("1")]) is None
        bench.folder.unlink()
        await buffer.tick(connected=False)
        assert [bench.stats.usable] == [False]  # not tried before its time
        bench.clocks.pass_s(10)
        await buffer.tick(connected=False)
        assert [buffer.usable, bench.stats.fault] == [True, None]
        assert await buffer.append([], [outgoing("1")]) == []


async def test_a_full_disk_is_told_and_what_is_there_can_still_be_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.opened() as buffer:
        await buffer.append([], [outgoing("1")])
        assert buffer._file is not None
        database = buffer._file._db
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}")
        big = [outgoing(str(number), Priority.ALARM) for number in range(1_000)]
        assert await buffer.append([], big) is None
        assert [buffer.usable] == [False]
        assert "full" in str(bench.stats.fault)
        assert await buffer.append([], [outgoing("small")]) is None  # not tried before its time
        assert texts(await buffer.read(1 << 20)) == ["1"]
        database.execute("PRAGMA max_page_count = 100000")
        bench.clocks.pass_s(10)
        assert await buffer.append([], [outgoing("2")]) == []
        assert buffer.usable
        assert texts(await buffer.read(1 << 20)) == ["2"]


async def test_a_damaged_file_is_put_aside_and_a_new_one_begun(bench: Bench) -> None:
    bench.folder.mkdir()
    (bench.folder / "gateway.sqlite").write_bytes(b"garbage" * 1_000)
    async with bench.opened() as buffer:
        assert buffer.usable
        assert await buffer.append([], [outgoing("1")]) == []
        assert texts(await buffer.read(1 << 20)) == ["1"]
    (aside,) = bench.folder.glob("gateway.sqlite.damaged-*")
    assert aside.read_bytes() == b"garbage" * 1_000


async def test_damage_that_shows_while_it_is_used_gives_back_what_somebody_waits_for(bench: Bench) -> None:
    delivery = Delivery()
    async with bench.opened() as buffer:
        awaited = outgoing("awaited", delivery=delivery)
        await buffer.append([], [outgoing("1"), awaited])
        assert buffer._file is not None
        buffer._file._db.execute("UPDATE chunks SET packed = x'c1'")
        assert await buffer.read(1 << 20) == []
        assert bench.lost == [awaited]
        assert bench.lost[0] is awaited
        assert (buffer.waiting, buffer.usable) == (0, True)
        assert await buffer.append([outgoing("2")], [outgoing("3")]) == [2]
        assert texts(await buffer.read(1 << 20)) == ["3"]
    assert len(list(bench.folder.glob("gateway.sqlite.damaged-*"))) >= 1


async def test_a_second_process_goes_on_in_memory_until_the_first_is_gone(bench: Bench) -> None:
    other = Bench(bench.folder, bench.clocks)
    async with bench.opened() as first:
        await first.append([], [outgoing("of the first")])
        async with other.opened() as second:
            assert [second.usable] == [False]
            assert "another process" in (other.stats.fault or "")
            await first.close()
            bench.clocks.pass_s(10)
            await second.tick(connected=False)
            assert texts(await second.read(1 << 20)) == ["of the first"]


async def test_what_is_too_old_is_dropped_but_alarms_are_not(bench: Bench) -> None:
    async with bench.opened(buffer_max_age_s=60.0) as buffer:
        await buffer.append([], [outgoing("old"), outgoing("old alarm", Priority.ALARM)])
        bench.clocks.pass_s(40)
        await buffer.append([], [outgoing("younger")])
        bench.clocks.pass_s(30)
        await buffer.tick(connected=False)
        await buffer.tick(connected=False)
        assert buffer.waiting == 2
        assert texts(await buffer.read(1 << 20)) == ["old alarm", "younger"]
    assert b'adapter_buffer_dropped_total{priority="normal",reason="age"} 1.0' in generate_latest(bench.registry)


@pytest.mark.parametrize("step_s", [1e9, -1e6])
async def test_a_clock_that_is_set_makes_nothing_old(bench: Bench, step_s: float) -> None:
    async with bench.opened(buffer_max_age_s=60.0) as buffer:
        await buffer.append([], [outgoing("1")])
        bench.clocks.wall_s += step_s
        bench.clocks.pass_s(30)
        await buffer.tick(connected=False)
        await buffer.tick(connected=False)
        assert (buffer.waiting, bench.stats.oldest_age_s) == (1, 30.0)


async def test_ages_go_on_over_a_restart(bench: Bench) -> None:
    async with bench.opened(buffer_max_age_s=60.0) as buffer:
        await buffer.append([], [outgoing("1")])
    bench.clocks.wall_s += 100
    async with bench.opened(buffer_max_age_s=60.0) as buffer:
        await buffer.tick(connected=False)
        await buffer.tick(connected=False)
        assert buffer.waiting == 0


def told(chunks: list[Chunk]) -> list[dict[str, Any]]:
    records = [record for chunk in chunks for record in chunk.records]
    return [json.loads(record.value) for record in records if record.topic == "dlq.buffer_overflow"]


async def test_an_overflow_is_told_when_kafka_is_back_once_a_minute_while_it_lasts_and_at_its_end(bench: Bench) -> None:
    async with bench.opened() as buffer:
        numbers = iter(range(1, 10_000))

        async def overflow() -> None:
            for _ in range(200):
                await buffer.append([], [reading(next(numbers))])

        async def drain() -> list[dict[str, Any]]:
            chunks = await buffer.read(1 << 30)
            await buffer.remove([chunk.id for chunk in chunks])
            return told(chunks)

        await overflow()
        await buffer.tick(connected=False)
        assert await drain() == []
        await overflow()
        assert [buffer.has_to_tell] == [True]
        await buffer.tick(connected=True)
        (first,) = await drain()
        assert first["dropped"][0]["seq"][0][0] == 1
        await overflow()
        await buffer.tick(connected=True)
        assert [buffer.has_to_tell] == [True]  # the minute is not over, and it lasts
        bench.clocks.pass_s(60)
        await buffer.tick(connected=True)
        assert [buffer.has_to_tell] == [False]
        (second,) = await drain()
        await overflow()
        assert await drain() == []
        await buffer.tick(connected=True)
        (last,) = await drain()
    assert len({first["id"], second["id"], last["id"]}) == 3
    dropped = sum(one["readings"] for one in (first, second, last))
    assert dropped == bench.stats.dropped > 0
    assert generate_latest(bench.registry).count(f'reason="full"}} {dropped}.0'.encode()) == 1


async def test_the_metrics_say_how_full_it_is(bench: Bench) -> None:
    async with bench.opened() as buffer:
        await buffer.append([], [outgoing("1"), outgoing("2")])
        bench.clocks.pass_s(7)
        await buffer.tick(connected=False)
        shown = generate_latest(bench.registry).decode()
        assert "adapter_buffer_records 2.0" in shown
        assert "adapter_buffer_oldest_age_seconds 7.0" in shown
        assert "adapter_buffer_usable 1.0" in shown
        assert bench.stats.as_json()["bytes"] > 200


async def test_acknowledged_chunks_that_the_disk_would_not_let_go_are_removed_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.opened() as buffer:
        await buffer.append([], [outgoing("1")])
        (chunk,) = await buffer.read(1 << 20)
        real: Callable[..., Any] = BufferFile.remove

        def refuse(self: BufferFile, ids: Any) -> int:
            with self._file.transaction():
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(BufferFile, "remove", refuse)
        await buffer.remove([chunk.id])
        assert [buffer.usable] == [False]
        monkeypatch.setattr(BufferFile, "remove", real)
        bench.clocks.pass_s(10)
        await buffer.tick(connected=False)
        assert (buffer.usable, buffer.waiting) == (True, 0)
        await buffer.tick(connected=False)
        assert bench.stats.records == 0
