"""The driver that sends the load, and its ledger: what the broker acknowledged must be in the log for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Set
from contextlib import suppress
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError
from aiokafka.partitioner import DefaultPartitioner

from ironstream.settings import Settings
from tests.support.faults.load import Message, Sent
from tests.support.oracle.telemetry import Logged, Place

_GIVE_UP_S = 150.0


@dataclass
class Entry:
    """One record that was sent. `place`: where the broker says that it put it; None where it did not say."""

    topic: str
    message: Message
    acknowledged: bool = False
    place: Place | None = None


class Ledger:
    """All that was sent, in the order in which it was sent first."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def acknowledged(self, topic: str) -> list[Entry]:
        """Records of a topic (without prefix) that the broker has acknowledged."""
        return [entry for entry in self.entries if entry.acknowledged and entry.topic == topic]

    def readings(self) -> dict[Sent, bool]:
        """Every reading that was sent → whether the broker acknowledged it, once at least."""
        sent: dict[Sent, bool] = {}
        for entry in self.entries:
            if entry.message.reading is not None:
                sent[entry.message.reading] = sent.get(entry.message.reading, False) or entry.acknowledged
        return sent

    def missing(self, topic: str, log: Iterable[Logged], expired: Set[Place] = frozenset()) -> list[str]:
        """What was acknowledged and is not in the log (or not as it was sent), but for what has `expired`."""
        by_place = {(record.partition, record.offset): (record.key, record.value) for record in log}
        contents = set(by_place.values())
        lost = []
        for entry in self.acknowledged(topic):
            told, sent = entry.place, (entry.message.key, entry.message.value)
            there = sent in contents if told is None else by_place.get(told) == sent
            if not there and told not in expired:
                lost.append(f"{entry.message.reading or entry.message.place!r} at {told}")
        return lost


class Source:
    """An idempotent producer with a ledger; entered while it sends.

    What the broker refuses or leaves unanswered is sent again until it is acknowledged, by a new producer where the old
    one has given up: then a record may stand in the log twice, which is legal.
    """

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._partitions = list(range(settings.partitions))
        self._producer: AIOKafkaProducer | None = None
        self._pending: dict[asyncio.Future[object], Entry] = {}
        self._again: list[Entry] = []
        self._broken = False

    async def __aenter__(self) -> Source:
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def send(self, topic: str, messages: Iterable[Message]) -> None:
        """Send records to a topic (without prefix); before them whatever has to be sent again."""
        if self._broken or self._again:
            await self._repeat()
        for message in messages:
            entry = Entry(topic, message)
            self._ledger.entries.append(entry)
            await self._send(entry)

    async def settle(self) -> None:
        """Return once everything is acknowledged. Raises AssertionError if that takes too long."""
        deadline = time.monotonic() + _GIVE_UP_S
        while self._pending or self._again:
            assert time.monotonic() < deadline, f"{len(self._pending)} records are not acknowledged"
            if self._again or self._broken:
                await self._repeat()
            if self._pending:
                await asyncio.wait(list(self._pending), timeout=5.0)

    async def _send(self, entry: Entry) -> None:
        try:
            future = await self._future(entry)
        except KafkaError as error:
            self._broken |= not isinstance(error, KafkaTimeoutError)
            self._again.append(entry)
            return
        self._pending[future] = entry
        future.add_done_callback(self._answered)

    async def _future(self, entry: Entry) -> asyncio.Future[object]:
        producer, message = self._producer, entry.message
        assert producer is not None
        topic, partition = self._settings.topic(entry.topic), partition_of(message.place, self._partitions)
        if message.key is None and message.value is None:  # which `send` refuses, and other clients do not
            batch = producer.create_batch()
            batch.append(key=None, value=None, timestamp=None)
            sent: asyncio.Future[object] = await producer.send_batch(batch, topic, partition=partition)
        else:
            sent = await producer.send(topic, key=message.key, value=message.value, partition=partition)
        return sent

    def _answered(self, future: asyncio.Future[object]) -> None:
        entry = self._pending.pop(future, None)
        if entry is None:
            return  # its producer was given up, and it was sent again
        if future.cancelled() or future.exception() is not None:
            self._broken = True
            self._again.append(entry)
            return
        said = future.result()
        offset = getattr(said, "offset", -1)
        entry.acknowledged = True
        entry.place = (getattr(said, "partition", -1), offset) if offset >= 0 else None

    async def _repeat(self) -> None:
        if self._broken:
            await self._stop()
            self._again += self._pending.values()
            self._pending.clear()
            await self._start()
        again, self._again = self._again, []
        for entry in again:
            await self._send(entry)

    async def _start(self) -> None:
        self._broken = False
        deadline = time.monotonic() + _GIVE_UP_S
        while True:
            producer = AIOKafkaProducer(
                **self._settings.kafka_client_kwargs(),
                acks="all",
                enable_idempotence=True,
                linger_ms=5,
                request_timeout_ms=60_000,
            )
            try:
                await producer.start()
            except KafkaError:
                await producer.stop()
                assert time.monotonic() < deadline, "the broker is away"
                await asyncio.sleep(0.5)
            else:
                self._producer = producer
                return

    async def _stop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(producer.stop(), 15.0)


def partition_of(key: bytes, partitions: list[int]) -> int:
    """Where Kafka's default partitioner puts a key."""
    return int(DefaultPartitioner()(key, partitions, partitions))
