"""The engine on a real broker, with the smallest agent there is (tests/support/faults/counting.py)."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from ironstream.engine.api import Chunk, Outputs
from ironstream.engine.changelog import Marker, marker_record, row_record
from ironstream.engine.outbox import Outbox
from ironstream.engine.partition import Partition, PartitionOutputs
from ironstream.engine.restore import Restored, restore_partitions
from ironstream.engine.store import StoreOptions
from ironstream.errors import FencedError
from ironstream.settings import Settings
from ironstream.topics import TopicSpec, changelog_config, changelog_topic, ensure_topics
from tests.support.faults import counting
from tests.support.faults.oracle import Logged

ROOT = Path(__file__).parents[2]
Word = tuple[bytes, bytes]


class Rig:
    """Topics of a counting worker, its processes, and what it leaves behind."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.source = settings.topic(counting.SOURCE)
        self.changelog = settings.topic(changelog_topic(counting.NAME))
        self.tp = TopicPartition(self.changelog, 0)

    async def create(self) -> None:
        specs = [
            TopicSpec(self.source, 1, {"message.timestamp.type": "LogAppendTime"}),
            TopicSpec(self.settings.topic(counting.COUNTS), 1),
            TopicSpec(self.changelog, 1, changelog_config()),
        ]
        await ensure_topics(self.settings.kafka_client_kwargs(), specs)

    def producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(**self.settings.kafka_client_kwargs(), acks="all", enable_idempotence=True)

    async def say(self, *words: Word) -> None:
        async with self.producer() as producer:
            for key, value in words:
                await producer.send(self.source, key=key, value=value, partition=0)

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        given = {
            "bootstrap": self.settings.bootstrap,
            "group": self.settings.application_id,
            "prefix": self.settings.topic_prefix,
            "folder": str(self.folder),
        }
        with (self.folder.parent / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.faults.counting", json.dumps(given)],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    async def stopped(self, process: subprocess.Popen[bytes]) -> int:
        process.terminate()
        return await asyncio.to_thread(process.wait, 40)

    def log(self) -> str:
        return (self.folder.parent / "worker.log").read_text(errors="replace")

    async def read(self, topic: str) -> list[Logged]:
        tp = TopicPartition(topic, 0)
        async with AIOKafkaConsumer(**self.settings.kafka_client_kwargs(), enable_auto_commit=False) as consumer:
            consumer.assign([tp])
            await consumer.seek_to_beginning(tp)
            end = (await consumer.end_offsets([tp]))[tp]
            found: list[Logged] = []
            while await consumer.position(tp) < end:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [Logged(0, r.offset, r.timestamp, r.key, r.value, dict(r.headers)) for r in records]
            return found

    async def counts(self) -> dict[bytes, int]:
        return {r.key or b"": int(r.value or b"0") for r in await self.read(self.settings.topic(counting.COUNTS))}

    async def counted(self, expected: dict[bytes, int], within_s: float = 60) -> None:
        """Wait until the last count of each key is the expected one."""
        deadline = time.monotonic() + within_s
        while (found := await self.counts()) != expected:
            assert time.monotonic() < deadline, f"expected {expected}, found {found}\n{self.log()[-3000:]}"
            await asyncio.sleep(0.3)

    async def marker(self) -> Marker:
        """The last marker of the changelog."""
        values = [r.value for r in await self.read(self.changelog) if (r.key or b"").startswith(b"\x00marker/")]
        return Marker(**json.loads(values[-1] or b"{}"))

    async def group_offset(self) -> int | None:
        kwargs = self.settings.kafka_client_kwargs()
        async with AIOKafkaConsumer(
            **kwargs, group_id=self.settings.application_id, enable_auto_commit=False
        ) as consumer:
            offset: int | None = await consumer.committed(TopicPartition(self.source, 0))
            return offset

    async def rewind_group(self) -> None:
        """Set the group's offset to the beginning, as an operator's mistake would."""
        tp = TopicPartition(self.source, 0)
        async with AIOKafkaConsumer(
            **self.settings.kafka_client_kwargs(), group_id=self.settings.application_id, enable_auto_commit=False
        ) as consumer:
            consumer.assign([tp])
            await consumer.commit({tp: OffsetAndMetadata(0, "")})

    async def restore(self, folder: Path, producer: AIOKafkaProducer) -> Restored:
        restored = await restore_partitions(
            {self.tp: folder},
            producer=producer,
            client_settings=self.settings.kafka_client_kwargs(),
            options=StoreOptions(1, 1),
        )
        return restored[self.tp]


@pytest.fixture
async def rig(deployment: Settings, tmp_path: Path) -> Rig:
    made = Rig(deployment, tmp_path / "state")
    await made.create()
    return made


@pytest.fixture
async def producer(rig: Rig) -> AsyncIterator[AIOKafkaProducer]:
    async with rig.producer() as started:
        yield started


class _Still:
    """An agent that only has rows."""

    topology_version = 1

    def apply(self, chunk: Chunk, out: Outputs) -> None: ...

    def flush(self) -> None: ...


def owner(rig: Rig, restored: Restored, producer: AIOKafkaProducer, position: int = 0) -> Partition:
    """A partition at work on what was restored."""
    outbox = Outbox(lambda err: None)
    outbox.start(producer)
    return Partition(
        changelog_topic=rig.changelog,
        partition=0,
        logic=_Still(),
        store=restored.store,
        outputs=PartitionOutputs(outbox, "", 0),
        outbox=outbox,
        claim=restored.claim,
        changelog_offset=restored.changelog_offset,
        position=position,
        commit_number=restored.commit_number,
        topology_version=1,
    )


async def test_a_restart_goes_on_at_the_marker_and_repeats_nothing(rig: Rig) -> None:
    await rig.say(*[(b"a", b"x"), (b"b", b"x")] * 500)
    with rig.worker() as process:
        await rig.counted({b"a": 500, b"b": 500})
        assert await rig.stopped(process) == 0, rig.log()[-3000:]
    marker = await rig.marker()
    assert await rig.group_offset() == marker.source_offset
    await rig.say(*[(b"a", b"x")] * 10)
    await rig.rewind_group()

    with rig.worker() as process:
        await rig.counted({b"a": 510, b"b": 500})
        assert await rig.stopped(process) == 0, rig.log()[-3000:]

    ids = Counter(r.headers["ironstream-id"] for r in await rig.read(rig.settings.topic(counting.COUNTS)))
    assert len(ids) == 1010
    assert set(ids.values()) == {1}


async def test_an_empty_folder_is_restored_from_the_changelog(rig: Rig) -> None:
    await rig.say(*[(b"a", b"x"), (b"b", b"x")] * 100, (b"b", b"delete"))
    with rig.worker() as process:
        await rig.counted({b"a": 100, b"b": 0})
        process.kill()
    shutil.rmtree(rig.folder)
    await rig.say((b"a", b"x"), (b"b", b"x"))

    with rig.worker() as process:
        await rig.counted({b"a": 101, b"b": 1})
        assert await rig.stopped(process) == 0, rig.log()[-3000:]


async def test_an_agent_that_raises_stops_the_worker_and_leaves_the_offsets(rig: Rig) -> None:
    await rig.say((b"a", b"x"))
    with rig.worker() as process:
        await rig.counted({b"a": 1})
        await asyncio.sleep(1)
        before = await rig.group_offset()
        poison = (await rig.read(rig.source))[-1].offset + 1
        await rig.say((b"a", b"raise"), (b"a", b"x"))
        assert await asyncio.to_thread(process.wait, 40) != 0
    assert "told to raise" in rig.log()
    after = await rig.group_offset()
    assert before is not None
    assert after is not None
    assert before <= after
    assert after <= max(r.offset for r in await rig.read(rig.source) if r.value == b"raise")
    assert (await rig.marker()).source_offset <= poison + 5

    with rig.worker() as process:
        assert await asyncio.to_thread(process.wait, 60) != 0, "the record is still there: it must stop again"
    assert await rig.counts() == {b"a": 1}


async def test_a_backlog_beyond_every_buffer_is_worked_off(rig: Rig) -> None:
    count = 150_000
    async with rig.producer() as producer:
        for first in range(0, count, 5_000):
            await asyncio.gather(
                *[
                    await producer.send(rig.source, key=b"k%d" % (n % 7), value=b"x" * 50, partition=0)
                    for n in range(first, first + 5_000)
                ]
            )
    expected = Counter(b"k%d" % (n % 7) for n in range(count))

    with rig.worker() as process:
        deadline = time.monotonic() + 60
        while (await rig.group_offset() or 0) < count:
            assert time.monotonic() < deadline, rig.log()[-3000:]
            await asyncio.sleep(0.5)
        assert await rig.stopped(process) == 0, rig.log()[-3000:]

    assert await rig.counts() == dict(expected)


async def test_of_two_claims_the_first_writes_nothing_more(
    rig: Rig, producer: AIOKafkaProducer, tmp_path: Path
) -> None:
    first = owner(rig, await rig.restore(tmp_path / "first", producer), producer)
    first._store.put(b"k", b"first")
    assert await first.commit() == 0
    second = await rig.restore(tmp_path / "second", producer)
    assert second.store.get(b"k") == b"first"
    before = first._store.committed()
    first._store.put(b"k", b"stale")

    with pytest.raises(FencedError, match="another worker has claimed it"):
        await first.commit()

    assert first._store.committed() == before
    await first.close()
    second.store.close()
    third = await rig.restore(tmp_path / "third", producer)
    assert third.store.get(b"k") == b"first"
    assert third.store.take_changes() == {b"k": b"first"}, "what was dropped must be written again as it was"
    third.store.close()


async def test_a_deleted_row_stays_deleted_in_every_restore(
    rig: Rig, producer: AIOKafkaProducer, tmp_path: Path
) -> None:
    partition = owner(rig, await rig.restore(tmp_path / "one", producer), producer)
    partition._store.put(b"k", b"1")
    partition._store.put(b"other", b"1")
    await partition.commit()
    await partition.close()
    shutil.copytree(tmp_path / "one", tmp_path / "old")

    partition = owner(rig, await rig.restore(tmp_path / "one", producer), producer, position=5)
    partition._store.delete(b"k")
    await partition.commit()
    await partition.close()

    for folder in ("one", "old", "empty"):
        restored = await rig.restore(tmp_path / folder, producer)
        assert dict(restored.store.scan(b"")) == {b"other": b"1"}, folder
        assert restored.source_offset == 5
        restored.store.close()


async def test_rows_without_a_marker_are_dropped_and_healed(
    rig: Rig, producer: AIOKafkaProducer, tmp_path: Path
) -> None:
    restored = await rig.restore(tmp_path / "one", producer)
    partition = owner(rig, restored, producer)
    partition._store.put(b"k", b"1")
    await partition.commit()
    for key in (b"k", b"new"):
        row_key, value, headers = row_record(restored.claim, key, b"half a commit")
        await producer.send_and_wait(rig.changelog, key=row_key, value=value, headers=list(headers), partition=0)
    await partition.close()

    after = await rig.restore(tmp_path / "two", producer)

    assert dict(after.store.scan(b"")) == {b"k": b"1"}
    assert after.healed == 2
    assert after.store.take_changes() == {b"k": b"1", b"new": None}
    after.store.close()


async def test_a_local_copy_from_another_changelog_is_thrown_away(
    rig: Rig, producer: AIOKafkaProducer, tmp_path: Path
) -> None:
    stranger = await rig.restore(tmp_path / "one", producer)
    partition = owner(rig, stranger, producer)
    for number in range(5):
        partition._store.put(b"k", b"%d" % number)
        partition.position += 1
        await partition.commit()
    await partition.close()
    again = Rig(rig.settings.model_copy(update={"topic_prefix": rig.settings.topic_prefix + "again."}), rig.folder)
    await again.create()

    restored = await again.restore(tmp_path / "one", producer)

    assert restored.source_offset is None
    assert dict(restored.store.scan(b"")) == {}
    restored.store.close()


async def test_a_marker_of_a_fenced_claim_moves_nothing(rig: Rig, producer: AIOKafkaProducer, tmp_path: Path) -> None:
    first = await rig.restore(tmp_path / "first", producer)
    second = owner(rig, await rig.restore(tmp_path / "second", producer), producer, position=3)
    second._store.put(b"k", b"second")
    await second.commit()
    row_key, value, _ = row_record(first.claim, b"k", b"stale")
    await producer.send_and_wait(rig.changelog, key=row_key, value=value, partition=0)
    key, marker = marker_record(first.claim, Marker(99, 999, 1, 0))
    await producer.send_and_wait(rig.changelog, key=key, value=marker, partition=0)
    first.store.close()
    await second.close()

    third = await rig.restore(tmp_path / "third", producer)

    assert (third.source_offset, third.store.get(b"k")) == (3, b"second")
    third.store.close()
