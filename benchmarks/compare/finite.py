"""A run on an input that is all there first: from a contender's start until its last final output was read."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.compare.contenders import Contender
from benchmarks.compare.processes import cpu_seconds, rss_mib
from benchmarks.compare.session import Session, must_run
from benchmarks.compare.workload import PARTITIONS, Check, Load, Place, Workload
from ironstream.bench.deployment import BenchError
from ironstream.commands.children import Child

_POLL_MS: Final = 50
_MEMORY_EVERY_S: Final = 0.25
_STALLED_S: Final = 600.0
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


async def measure(session: Session, contender: Contender, workload: Workload, load: Load, parallelism: int) -> Run:
    """Fresh topics, the input, one contender, its figures. Raises BenchError when a value is missing or wrong."""
    async with session.place(contender, workload, parallelism) as place:
        await _write(load, place)
        check = load.check(place)
        async with _reader(place, [*check.read, *check.counted]) as reader:
            broker = [session.broker_pid]
            broker_before, reader_before = cpu_seconds(broker), time.process_time()
            started = time.monotonic()
            async with session.started(contender, workload, place) as children:
                watch = _Watch(children, place, check, reader)
                await watch.until_complete()
                ended = time.monotonic()
                cpu, broker_cpu = cpu_seconds(watch.pids), cpu_seconds(broker) - broker_before
                reader_cpu = time.process_time() - reader_before
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


async def _write(load: Load, place: Place) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=place.bootstrap, acks="all", enable_idempotence=True, max_batch_size=256 * 1024
    )
    await producer.start()
    try:
        await load.write(producer, place)
    finally:
        await producer.stop()


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
            must_run(self._children)
            self._must_move(now - moved_s)

    def _must_move(self, idle_s: float) -> None:
        if idle_s > _STALLED_S:
            faults = "\n  ".join(self._check.faults()[:_SHOWN_FAULTS])
            raise BenchError(
                f"{self._children[0].name}: no output for {_STALLED_S:.0f} s, {self.outputs:,} so far.\n  {faults}",
                f"It said last:\n{self._children[0].last_words()}",
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
