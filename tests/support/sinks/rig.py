"""A deployment with sinks: its topology, its processes, what they wrote and what they refused."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from ironstream.contract import Topic
from ironstream.rollout.applying import apply_sources
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.operations import write_version
from ironstream.rollout.records import Proposal
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_specs
from ironstream.topology.sources import Sources
from tests.support.sinks import forks

_PORT = re.compile(r"metrics on 127\.0\.0\.1:(\d+)")
Config = Mapping[str, Any]


class SinkRig:
    """Sinks as processes of their own on a real broker."""

    def __init__(self, settings: Settings, sinks: Sequence[Config]) -> None:
        self.settings = settings
        self.folder = settings.topology.parent
        self.session_timeout_s = 6.0
        self.environment: dict[str, str] = {}
        """What processes find in their environment beside the settings: secrets."""
        settings.topology.write_bytes(text_of(sinks))
        self._logs = 0

    async def create(self) -> None:
        """Make the topics."""
        forks.parent()  # which imports what it needs meanwhile
        await ensure_topics(self.settings.kafka_client_kwargs(), topic_specs(self.settings, (1, 10, 60, 3600)))

    async def hold(self, sinks: Sequence[Config], **more: Any) -> int:
        """Have a topology with these sinks hold from now on; the number of the change."""
        async with TopologyLog(self.settings) as log:
            sources = Sources.single(text_of(sinks, **more))
            change = (await apply_sources(self.settings, log, None, sources, "ann", "")).change
            assert change is not None
            return change.number

    async def propose(self, sinks: Sequence[Config]) -> str:
        """Ask who follows the log whether they could take this; the id of the proposal."""
        async with TopologyLog(self.settings) as log:
            version = await write_version(log, Sources.single(text_of(sinks)), "ann", "")
            proposal = Proposal(str(uuid.uuid4()), version.number, "ann", version.time)
            assert await log.append(proposal)
            return proposal.id

    @asynccontextmanager
    async def producer(self) -> AsyncIterator[AIOKafkaProducer]:
        async with AIOKafkaProducer(
            **self.settings.kafka_client_kwargs(), acks="all", enable_idempotence=True, linger_ms=5
        ) as producer:
            yield producer

    async def say(self, topic: str, values: Sequence[bytes], key: bytes = b"acme/works/pump-1") -> None:
        """Records of one asset, or of all partitions in turn where the key is empty."""
        async with self.producer() as producer:
            sent = []
            for at, value in enumerate(values):
                partition = None if key else at % self.settings.partitions
                sent.append(await producer.send(self.settings.topic(topic), value, key or b"any", partition=partition))
            await asyncio.gather(*sent)

    def env(self, crash_at: str = "") -> dict[str, str]:
        """The environment of a process, and of the commands."""
        return (
            os.environ
            | self.environment
            | {
                "IRONSTREAM_BOOTSTRAP": self.settings.bootstrap,
                "IRONSTREAM_TOPIC_PREFIX": self.settings.topic_prefix,
                "IRONSTREAM_APPLICATION_ID": self.settings.application_id,
                "IRONSTREAM_PARTITIONS": str(self.settings.partitions),
                "IRONSTREAM_DATA_DIR": str(self.settings.data_dir),
                "IRONSTREAM_TOPOLOGY": str(self.settings.topology),
                "IRONSTREAM_COMMIT_INTERVAL_S": "0.3",
                "IRONSTREAM_SESSION_TIMEOUT_S": str(self.session_timeout_s),
                "IRONSTREAM_METRICS_PORT": "0",
                "IRONSTREAM_CRASH_AT": crash_at,
                "PYTHONPATH": str(forks.ROOT),
            }
        )

    @contextmanager
    def process(self, sink_id: str, crash_at: str = "") -> Iterator[Sink]:
        """A process of a sink; killed at the end, if it still runs."""
        self._logs += 1
        log = self.folder / f"{sink_id}-{self._logs}.log"
        with log.open("wb") as file:
            child = forks.parent().sink(sink_id, self.env(crash_at), file)
        try:
            yield Sink(child, log)
        finally:
            child.kill()
            child.wait()

    async def offsets(self, sink_id: str, topic: str) -> dict[int, int | None]:
        """The group's offset per partition of a topic."""
        group = f"{self.settings.application_id}.sink.{sink_id}"
        async with AIOKafkaConsumer(
            **self.settings.kafka_client_kwargs(), group_id=group, enable_auto_commit=False
        ) as consumer:
            name = self.settings.topic(topic)
            numbers = range(self.settings.partitions)
            return {number: await consumer.committed(TopicPartition(name, number)) for number in numbers}

    async def read(self, topic: str) -> list[Any]:
        """All records of a topic."""
        async with AIOKafkaConsumer(**self.settings.kafka_client_kwargs(), enable_auto_commit=False) as consumer:
            tps = [TopicPartition(self.settings.topic(topic), n) for n in range(self.settings.partitions)]
            consumer.assign(tps)
            await consumer.seek_to_beginning(*tps)
            ends = await consumer.end_offsets(tps)
            found = []
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
            return found

    async def ends(self, topic: str) -> dict[int, int]:
        """End offset per partition of a topic."""
        async with AIOKafkaConsumer(**self.settings.kafka_client_kwargs()) as consumer:
            tps = [TopicPartition(self.settings.topic(topic), n) for n in range(self.settings.partitions)]
            return {tp.partition: end for tp, end in (await consumer.end_offsets(tps)).items()}

    async def dead_letters(self) -> list[dict[str, str]]:
        """Headers of everything on dlq.sinks."""
        found = await self.read(Topic.DLQ_SINKS)
        return [{name: value.decode() for name, value in record.headers} for record in found]


def text_of(sinks: Sequence[Config], **more: Any) -> bytes:
    """A topology file with these sinks."""
    return yaml.safe_dump({"version": 1, "sinks": list(sinks), **more}).encode()


class Sink:
    """A process of a sink."""

    def __init__(self, child: forks.Child, log: Path) -> None:
        self.child = child
        self._log = log

    def said(self) -> str:
        """Its log."""
        return self._log.read_text()

    async def ended(self, timeout_s: float = 40.0) -> int:
        """Its exit code, once it has ended by itself."""
        return await asyncio.to_thread(self.child.wait, timeout_s)

    async def stopped(self) -> int:
        """Its exit code after SIGTERM."""
        self.child.send_signal(signal.SIGTERM)
        return await self.ended()

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text of a page of its own server."""
        await until(lambda: _PORT.search(self.said()) is not None, self)
        match = _PORT.search(self.said())
        assert match is not None
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{match[1]}{path}") as answer:
            return answer.status, await answer.text()

    async def shows(self, path: str, text: str, timeout_s: float = 60.0) -> None:
        """Wait until a page of its own server has this text in it."""
        deadline = time.monotonic() + timeout_s
        while text not in (page := (await self.get(path))[1]):
            assert time.monotonic() < deadline, page + self.said()[-3000:]
            await asyncio.sleep(0.1)

    async def health(self) -> dict[str, Any]:
        """The answer of /health."""
        found: dict[str, Any] = json.loads((await self.get("/health"))[1])
        return found


async def until(true: Callable[[], bool], sink: Sink, timeout_s: float = 60.0) -> None:
    """Wait until something is so, which a process of a sink is to bring about."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert sink.child.poll() is None, sink.said()[-3000:]
        assert time.monotonic() < deadline, sink.said()[-3000:]
        await asyncio.sleep(0.05)
