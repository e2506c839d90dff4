"""A deployment for one measurement: a Kafka, topics of its own, workers started as users start them."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from ironstream.commands.children import Child, python
from ironstream.embedded import EmbeddedKafka
from ironstream.errors import IronstreamError
from ironstream.settings import Settings, load_settings
from ironstream.topics import ensure_topics, topic_specs

START_TIMEOUT_S: Final = 120.0
_STOP_TIMEOUT_S: Final = 30.0
_RESTORED: Final = "partitions restored"


class BenchError(IronstreamError):
    """A measurement that did not come about, or whose counts do not add up: its figures would say nothing."""


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give a process the settings of a measurement."""
    return {
        "IRONSTREAM_BOOTSTRAP": settings.bootstrap,
        "IRONSTREAM_TOPIC_PREFIX": settings.topic_prefix,
        "IRONSTREAM_APPLICATION_ID": settings.application_id,
        "IRONSTREAM_DATA_DIR": str(settings.data_dir),
        "IRONSTREAM_PARTITIONS": str(settings.partitions),
        "IRONSTREAM_TOPOLOGY": str(settings.topology),
        "IRONSTREAM_LOG_FORMAT": "json",
        "IRONSTREAM_LOG_LEVEL": "INFO",
    }


class Deployment:
    """Settings, broker and workers of one measurement. Made by `deploy`."""

    def __init__(
        self, settings: Settings, folder: Path, kafka: EmbeddedKafka | None, consumer: AIOKafkaConsumer
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.workers: list[Child] = []
        self.variables: dict[str, str] = {}
        """More settings for the processes that are started from here on."""
        self._kafka = kafka
        self._consumer = consumer

    @property
    def broker_pid(self) -> int | None:
        """Process of the broker, when it is ours."""
        return self._kafka.pid if self._kafka else None

    def child(self, name: str, command: Sequence[str], **variables: str) -> Child:
        """A process with the settings of this deployment in its environment; it is stopped with the deployment."""
        env = os.environ | environment(self.settings) | self.variables | variables
        child = Child(name, command, self.folder / f"{name}.log", env)
        self.workers.append(child)
        child.start()
        return child

    def worker(self, name: str = "worker", profile_file: Path | None = None) -> Child:
        """Start a worker: `ironstream worker`, which with `profile_file` also writes where its time went."""
        if profile_file is None:
            return self.child(name, python("-m", "ironstream.cli", "worker"))
        return self.child(name, python("-m", "ironstream.bench.profiled_worker", str(profile_file)))

    async def restored(self, worker: Child) -> str:
        """Wait until a worker has restored its partitions; the line of its log that says so. Raises BenchError."""
        line = await asyncio.to_thread(worker.wait_for, _RESTORED, START_TIMEOUT_S)
        if line is None:
            raise BenchError(
                f"{worker.name} has not become ready. Its last words:\n{worker.last_words()}",
                "Try the same topology with `ironstream worker`.",
            )
        return line

    async def end_offsets(self, topic: str) -> dict[int, int]:
        """Offset after the last record of each partition of a topic (name without prefix)."""
        name = self.settings.topic(topic)
        ends = await self._consumer.end_offsets(
            [TopicPartition(name, number) for number in range(self.settings.partitions)]
        )
        return {tp.partition: offset for tp, offset in ends.items()}

    async def count(self, topic: str) -> int:
        """Records that were ever written to a topic of ours."""
        return sum((await self.end_offsets(topic)).values())

    async def wait_for_count(self, topic: str, count: int, timeout_s: float) -> int:
        """Wait until a topic has `count` records, or the time is up; how many it has then."""
        deadline = time.monotonic() + timeout_s
        while (found := await self.count(topic)) < count and time.monotonic() < deadline:
            self.check_workers()
            await asyncio.sleep(0.2)
        return found

    def check_workers(self) -> None:
        """Raise BenchError when a process that should run has ended."""
        for worker in self.workers:
            if not worker.running:
                raise BenchError(
                    f"{worker.name} ended with exit code {worker.exit_code}. Its last words:\n{worker.last_words()}",
                    "A worker stops rather than risk its data: mend what it says and measure again.",
                )

    def stop_workers(self) -> None:
        """Stop all processes in order (SIGTERM), by force after a while."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.stop(_STOP_TIMEOUT_S)
        self.workers.clear()

    def end_workers(self) -> None:
        """Stop all processes; raise BenchError when one has not ended in order, with its last commit made."""
        workers = list(self.workers)
        self.stop_workers()
        for worker in workers:
            if worker.exit_code:
                raise BenchError(
                    f"{worker.name} was stopped and ended with exit code {worker.exit_code}. Its last words:\n"
                    f"{worker.last_words()}",
                    "It did not come to its last commit: is the machine overloaded? Else please report it.",
                )


@asynccontextmanager
async def deploy(
    topology: str, window_sizes_s: Iterable[int], bootstrap: str | None, partitions: int | None = None
) -> AsyncIterator[Deployment]:
    """A deployment with its topics made and no worker yet, in a folder that goes when it ends.

    With `bootstrap`, Kafka is that one, and the topics, whose prefix nobody else uses, are deleted at the end.
    `partitions` of each topic: None leaves them to the settings.
    """
    with tempfile.TemporaryDirectory(prefix="ironstream-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "topology.yaml").write_text(topology, encoding="utf-8")
        unique = f"bench-{secrets.token_hex(4)}"
        kafka = None
        try:
            if bootstrap is None:
                base = load_settings()
                kafka = EmbeddedKafka(folder / "kafka", heap_mb=base.kafka_heap_mb, java=base.java)
                await kafka.start()
            settings = load_settings(
                bootstrap=kafka.bootstrap if kafka else bootstrap,
                topic_prefix=f"{unique}.",
                application_id=unique,
                data_dir=folder / "data",
                topology=folder / "topology.yaml",
                partitions=partitions,
            )
            async with _open(settings, folder, kafka, window_sizes_s) as deployment:
                yield deployment
        finally:
            if kafka is not None:
                await kafka.stop()


@asynccontextmanager
async def _open(
    settings: Settings, folder: Path, kafka: EmbeddedKafka | None, window_sizes_s: Iterable[int]
) -> AsyncIterator[Deployment]:
    client = settings.kafka_client_kwargs()
    await ensure_topics(client, topic_specs(settings, list(window_sizes_s)), settings.replication)
    consumer = AIOKafkaConsumer(**client)
    await consumer.start()
    deployment = Deployment(settings, folder, kafka, consumer)
    try:
        yield deployment
    finally:
        deployment.stop_workers()
        await consumer.stop()
        if kafka is None:
            await _delete_topics(settings)


async def _delete_topics(settings: Settings) -> None:
    admin = AIOKafkaAdminClient(**settings.kafka_client_kwargs())
    await admin.start()
    try:
        await admin.delete_topics(
            [name for name in await admin.list_topics() if name.startswith(settings.topic_prefix)]
        )
    finally:
        await admin.close()
