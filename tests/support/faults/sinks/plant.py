"""A log of clean data that grows, sinks that store it as processes, and the verdict on what they stored."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from ironstream.contract import ID_HEADER
from ironstream.gateway.secrets import variable_of
from ironstream.settings import Settings
from ironstream.sinks.group import group_of
from tests.support.faults.compare import Differences
from tests.support.faults.sinks.ledger import Logged
from tests.support.faults.sinks.load import TOPICS, Message, Plant
from tests.support.faults.sinks.targets import Store
from tests.support.sinks.rig import Sink, SinkRig

SESSION_S: Final = 3.0
_WORKS_S: Final = 40.0
_DRAIN_S: Final = 240.0
_AT_ONCE: Final = 2_000


class SinkPlant:
    """Sinks on a log. `faults` counts what was done to them."""

    def __init__(self, settings: Settings, stores: Sequence[Store], seed: int) -> None:
        self.settings = settings
        self.stores = {store.id: store for store in stores}
        self.random = random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.sent = 0
        self.rig = SinkRig(settings, [store.declaration() for store in stores])
        self.rig.session_timeout_s = SESSION_S
        self.rig.environment = {variable_of(name): value for store in stores for name, value in store.secrets.items()}
        self._load = Plant(seed, settings.partitions)
        self._processes: list[tuple[str, Sink]] = []
        self._open = ExitStack()
        self._admin = AIOKafkaAdminClient(**settings.kafka_client_kwargs())
        self._reader = AIOKafkaConsumer(**settings.kafka_client_kwargs())

    async def __aenter__(self) -> SinkPlant:
        await self.rig.create()
        await self._admin.start()
        await self._reader.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open.close()
        await self._reader.stop()
        await self._admin.close()

    # -- processes ------------------------------------------------------------------------------------------------

    def start(self, sink_id: str, crash_at: str = "") -> Sink:
        """One more process of a sink."""
        process = self._open.enter_context(self.rig.process(sink_id, crash_at))
        self._processes.append((sink_id, process))
        return process

    def start_all(self) -> None:
        """A process of each sink that has none."""
        for sink_id in self.stores:
            if not self.running(sink_id):
                self.start(sink_id)

    def running(self, sink_id: str | None = None) -> list[Sink]:
        """Processes that run, of one sink or of all."""
        return [
            process
            for one, process in self._processes
            if sink_id in (None, one) and process.child.poll() is None
        ]  # fmt: skip

    def kill(self, process: Sink) -> None:
        """kill -9, and wait until it is gone."""
        process.child.kill()
        process.child.wait()

    async def stop_all(self) -> None:
        """End every process in order; each must exit with 0."""
        running = self.running()
        for process in running:
            process.child.send_signal(signal.SIGTERM)
        for process in running:
            assert await process.ended() == 0, process.said()[-4000:]

    # -- the log --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def producing(self, readings_per_s: int = 600) -> AsyncIterator[None]:
        """The log grows for as long as the block lasts."""
        stop = asyncio.Event()
        task = asyncio.create_task(self._produce(stop, readings_per_s))
        try:
            yield
        finally:
            stop.set()
            await task

    async def produce(self, readings: int) -> None:
        """So many readings at once."""
        async with self.rig.producer() as producer:
            for _ in range(0, readings, _AT_ONCE):
                await self._send(producer, self._load.step(min(readings, _AT_ONCE)))

    async def _produce(self, stop: asyncio.Event, readings_per_s: int) -> None:
        async with self.rig.producer() as producer:
            began, made = time.monotonic(), 0
            while not stop.is_set():
                due = int((time.monotonic() - began) * readings_per_s) - made
                if due > 0:
                    made += due
                    await self._send(producer, self._load.step(min(due, readings_per_s)))
                await asyncio.sleep(0.05)

    async def _send(self, producer: Any, messages: Iterable[Message]) -> None:
        waiting = [
            await producer.send(
                self.settings.topic(one.topic), one.value, one.key, partition=one.partition,
                headers=[(ID_HEADER, one.id.encode())] if one.id else [],
            )
            for one in messages
        ]  # fmt: skip
        await asyncio.gather(*waiting)
        self.sent += len(waiting)

    async def log(self) -> list[Logged]:
        """All of the log, partition by partition in its order."""
        found = []
        for topic in TOPICS:
            for one in await self.rig.read(topic):
                headers = dict(one.headers)
                name = headers.get(ID_HEADER, b"").decode()
                found.append(Logged(topic, one.partition, one.offset, one.value, name))
        return sorted(found, key=lambda record: record.place)

    # -- progress -------------------------------------------------------------------------------------------------

    async def committed(self, sink_id: str) -> dict[tuple[str, int], int]:
        """Where the group of a sink stands, by topic (with prefix) and partition."""
        group = group_of(self.settings.application_id, sink_id)
        try:
            offsets = await self._admin.list_consumer_group_offsets(group)
        except KafkaError:
            return {}  # nobody looks after the group yet, or again
        return {(tp.topic, tp.partition): found.offset for tp, found in offsets.items()}

    async def works(self, sink_id: str, within_s: float = _WORKS_S) -> None:
        """Wait until a sink has written more than it had when this was asked."""
        before, deadline = await self.committed(sink_id), time.monotonic() + within_s
        while (now := await self.committed(sink_id)) == before or not now:
            assert self.running(sink_id), f"{sink_id} has ended\n{self.last_words(sink_id)}"
            assert time.monotonic() < deadline, f"{sink_id} writes nothing\n{self.last_words(sink_id)}"
            await asyncio.sleep(0.1)

    async def all_work(self) -> None:
        """The same for every sink, at the same time."""
        await asyncio.gather(*map(self.works, self.stores))

    async def lag(self, sink_id: str) -> int:
        """Records that a sink has yet to write."""
        ends = await self._reader.end_offsets(
            [TopicPartition(self.settings.topic(topic), n) for topic in TOPICS for n in range(self.settings.partitions)]
        )
        committed = await self.committed(sink_id)
        return sum(end - max(0, committed.get((tp.topic, tp.partition), 0)) for tp, end in ends.items())

    async def drained(self) -> None:
        """Wait until every sink has written all of the log."""
        for sink_id in self.stores:
            deadline = time.monotonic() + _DRAIN_S
            while (lag := await self.lag(sink_id)) > 0:
                assert self.running(sink_id), f"{sink_id} has ended\n{self.last_words(sink_id)}"
                assert time.monotonic() < deadline, f"{sink_id} is {lag} behind\n{self.last_words(sink_id)}"
                await asyncio.sleep(0.2)

    def last_words(self, sink_id: str) -> str:
        """The ends of the logs of a sink's last processes."""
        said = [process.said()[-3000:] for one, process in self._processes if one == sink_id]
        return "\n---\n".join(said[-2:])

    # -- verdict --------------------------------------------------------------------------------------------------

    async def finish(self) -> str:
        """Everything is written, everything ends in order, and the verdict."""
        self.start_all()
        await self.drained()
        await self.stop_all()
        return await self.verdict()

    async def verdict(self) -> str:
        """Hold every store against the log. Raises AssertionError that shows what differs."""
        log, differences, told = await self.log(), Differences(), []
        letters = await self.rig.dead_letters()
        for store in self.stores.values():
            rows, refused = await store.compare(log, differences)
            found = Counter(
                (letter["dlq-topic"], int(letter["dlq-partition"]), int(letter["dlq-offset"]))
                for letter in letters
                if letter["dlq-sink"] == store.id
            )
            for place in refused - found.keys():
                differences.add(f"{store.id}: refused, and no dead letter", place)
            for place in found.keys() - refused:
                differences.add(f"{store.id}: a dead letter of what is not refused", place)
            assert await self.lag(store.id) == 0, f"{store.id}: the group does not stand at the end"
            told.append(f"{store.id} {rows} rows, {len(refused)} refused, {found.total()} dead letters")
        distinct = len({record.id for record in log if record.id})
        summary = f"{len(log)} records ({distinct} ids); {'; '.join(told)}; faults: {dict(self.faults)}"
        assert not differences, f"{summary}\n{differences}"
        return summary
