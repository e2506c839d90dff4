"""The smallest deployment: one partition, the counting worker as a process, and what both leave behind."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from ironstream.engine.api import Chunk, Outputs
from ironstream.engine.changelog import Marker
from ironstream.engine.database import StoreOptions
from ironstream.engine.outbox import Outbox
from ironstream.engine.partition import Partition, PartitionOutputs
from ironstream.engine.restore import Restored, restore_partitions
from ironstream.settings import Settings
from ironstream.topics import TopicSpec, changelog_config, changelog_topic, ensure_topics
from tests.support.faults import counting
from tests.support.faults.oracle import Logged

ROOT = Path(__file__).parents[3]
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


class _Still:
    """An agent that only has rows."""

    topology_version = 1
    topology_number = 1

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
    )
