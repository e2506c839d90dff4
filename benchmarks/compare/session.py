"""One broker for many runs; a run is one contender on one input."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.compare.contenders import Contender
from benchmarks.compare.processes import cpu_seconds, rss_mib
from benchmarks.compare.workload import PARTITIONS, Check, Load, Place, Workload
from ironstream.bench.deployment import BenchError
from ironstream.commands.children import Child
from ironstream.embedded import EmbeddedKafka
from ironstream.topics import ensure_topics

_POLL_MS: Final = 50
_MEMORY_EVERY_S: Final = 0.25
_STALLED_S: Final = 600.0
_STOP_TIMEOUT_S: Final = 60.0
_FETCH_BYTES: Final = 1024 * 1024
_SHOWN_FAULTS: Final = 8


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took, from the start of the contender's process until the last final output was read.

    CPU is that of the contender's processes with their children, of the broker, and of the reader of the outputs,
    which does the same for all. `outputs`: records read or counted on the output topics until then.
    """

    contender: str
    records: int
    wall_s: float
    cpu_s: float
    broker_cpu_s: float
    reader_cpu_s: float
    peak_mib: float
    outputs: int


class Session:
    """A broker with its data in a folder that goes at the end. Made by `session`."""

    def __init__(self, kafka: EmbeddedKafka, folder: Path) -> None:
        self._kafka = kafka
        self._folder = folder

    async def run(self, contender: Contender, workload: Workload, load: Load, parallelism: int) -> Run:
        """Fresh topics, the input, one contender, its figures. Raises BenchError when a value is missing or wrong."""
        name = f"{workload.name}-{contender.name}-{secrets.token_hex(3)}"
        folder = self._folder / name
        folder.mkdir()
        place = Place(name, self._kafka.bootstrap, folder, parallelism)
        await ensure_topics(place.bootstrap, workload.topics(place))
        try:
            await self._write(load, place)
            return await self._measure(contender, workload, load, place)
        finally:
            await self._delete_topics(name)
            shutil.rmtree(folder, ignore_errors=True)

    async def _write(self, load: Load, place: Place) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=place.bootstrap, acks="all", enable_idempotence=True, max_batch_size=256 * 1024
        )
        await producer.start()
        try:
            await load.write(producer, place)
        finally:
            await producer.stop()

    async def _measure(self, contender: Contender, workload: Workload, load: Load, place: Place) -> Run:
        check = load.check(place)
        environment = os.environ | workload.environment(place)
        children = [
            Child(f"{contender.name}-{number}", command, place.folder / f"{number}.log", environment | variables)
            for number, (command, variables) in enumerate(contender.commands(place))
        ]
        async with _reader(place, [*check.read, *check.counted]) as reader:
            broker = [self._kafka.pid or 0]
            broker_before, reader_before = cpu_seconds(broker), time.process_time()
            started = time.monotonic()
            try:
                for child in children:
                    child.start()
                watch = _Watch(children, place, check, reader)
                await watch.until_complete()
                ended = time.monotonic()
                cpu, broker_cpu = cpu_seconds(watch.pids), cpu_seconds(broker) - broker_before
                reader_cpu = time.process_time() - reader_before
            finally:
                for child in children:
                    child.terminate()
                for child in children:
                    await asyncio.to_thread(child.stop, _STOP_TIMEOUT_S)
            outputs = watch.outputs
            # what a contender still writes while it stops, or wrote after it seemed complete, counts as well
            await watch.drain()
        faults = check.faults()
        if faults:
            shown = "\n  ".join(faults[:_SHOWN_FAULTS])
            raise BenchError(
                f"{contender.name}: {len(faults)} faults in the outputs of {load.records:,} records:\n  {shown}",
                f"The run counts for nothing. It said last:\n{children[0].last_words()}",
            )
        return Run(
            contender=contender.name,
            records=load.records,
            wall_s=ended - started,
            cpu_s=cpu,
            broker_cpu_s=broker_cpu,
            reader_cpu_s=reader_cpu,
            peak_mib=watch.peak_mib,
            outputs=outputs,
        )

    async def _delete_topics(self, prefix: str) -> None:
        """The run's topics, those that the contender made for itself too."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._kafka.bootstrap)
        await admin.start()
        try:
            await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(prefix)])
        finally:
            await admin.close()


class _Watch:
    """Reads the outputs of a run while its processes work."""

    def __init__(self, children: Sequence[Child], place: Place, check: Check, reader: AIOKafkaConsumer) -> None:
        self._children = children
        self._check = check
        self._reader = reader
        self._topics = {place.topic(name): name for name in (*check.read, *check.counted)}
        self._counted = {
            name: [TopicPartition(place.topic(name), number) for number in range(PARTITIONS)] for name in check.counted
        }
        self._read = 0
        self._counts = dict.fromkeys(check.counted, 0)
        self.pids = [child.pid or 0 for child in children]
        self.peak_mib = 0.0
        reader.pause(*(partition for partitions in self._counted.values() for partition in partitions))

    @property
    def outputs(self) -> int:
        """Records read or counted so far."""
        return self._read + sum(self._counts.values())

    async def until_complete(self) -> None:
        """Return at the look that finds everything. Raises BenchError when a process ends or nothing comes."""
        moved_s = looked_s = time.monotonic()
        while True:
            before = self.outputs
            await self._feed(_POLL_MS)
            await self._count()
            if self._check.complete and self._enough():
                self.peak_mib = max(self.peak_mib, rss_mib(self.pids))
                return
            now = time.monotonic()
            if self.outputs > before:
                moved_s = now
            if now - looked_s > _MEMORY_EVERY_S:
                self.peak_mib, looked_s = max(self.peak_mib, rss_mib(self.pids)), now
            self._must_run(now - moved_s)

    def _must_run(self, idle_s: float) -> None:
        for child in self._children:
            if not child.running:
                raise BenchError(
                    f"{child.name} ended with exit code {child.exit_code}. Its last words:\n{child.last_words(30)}"
                )
            if idle_s > _STALLED_S:
                faults = "\n  ".join(self._check.faults()[:_SHOWN_FAULTS])
                raise BenchError(
                    f"{child.name}: no output for {_STALLED_S:.0f} s, {self.outputs:,} so far.\n  {faults}",
                    f"It said last:\n{child.last_words()}",
                )

    async def _feed(self, timeout_ms: int) -> int:
        batches = await self._reader.getmany(timeout_ms=timeout_ms)
        for partition, records in batches.items():
            self._check.feed(self._topics[partition.topic], records)
        found = sum(map(len, batches.values()))
        self._read += found
        return found

    async def _count(self) -> None:
        for name, partitions in self._counted.items():
            self._counts[name] = sum((await self._reader.end_offsets(partitions)).values())

    def _enough(self) -> bool:
        return all(self._counts[name] >= wanted for name, wanted in self._check.counted.items())

    async def drain(self) -> None:
        """Read all that is there now, also of the topics that were only counted."""
        partitions = sorted(self._reader.assignment())
        self._reader.resume(*partitions)
        ends = await self._reader.end_offsets(partitions)
        deadline = time.monotonic() + _STALLED_S
        while any([await self._reader.position(one) < ends[one] for one in partitions]):
            if await self._feed(500):
                deadline = time.monotonic() + _STALLED_S
            elif time.monotonic() > deadline:
                raise BenchError("The outputs could not be read to their end.", "Is the broker alive?")


@asynccontextmanager
async def _reader(place: Place, topics: Sequence[str]) -> AsyncIterator[AIOKafkaConsumer]:
    reader = AIOKafkaConsumer(
        bootstrap_servers=place.bootstrap,
        enable_auto_commit=False,
        fetch_max_wait_ms=_POLL_MS,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    await reader.start()
    try:
        partitions = [TopicPartition(place.topic(name), number) for name in topics for number in range(PARTITIONS)]
        reader.assign(partitions)
        await reader.seek_to_beginning(*partitions)
        yield reader
    finally:
        await reader.stop()


@asynccontextmanager
async def session(heap_mb: int = 1024) -> AsyncIterator[Session]:
    """Start the embedded Kafka; at the end it and all its data are gone."""
    with tempfile.TemporaryDirectory(prefix="ironstream-compare-", ignore_cleanup_errors=True) as name:
        async with EmbeddedKafka(Path(name) / "kafka", heap_mb=heap_mb) as kafka:
            yield Session(kafka, Path(name))
