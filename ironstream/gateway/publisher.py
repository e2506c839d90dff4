"""Records to Kafka: acks=all, idempotent, in bounded memory. What must wait for Kafka waits on disk, if it may."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from random import Random
from typing import Final, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from ironstream.errors import BrokerError
from ironstream.gateway.batch_sender import BatchSender, ProducerSpentError
from ironstream.gateway.buffer_stats import BufferStats
from ironstream.gateway.disk_buffer import DiskBuffer
from ironstream.gateway.outgoing import Outgoing
from ironstream.gateway.rounds import Round, RoundSize
from ironstream.gateway.schedule import backoff_s
from ironstream.gateway.settings import GatewaySettings

_LOG = structlog.get_logger(__name__)
_TICK_S: Final = 0.5
_GATHER_S: Final = 0.02
_WORTH_A_ROUND: Final = 256 * 1024
"""Bytes that are sent at once; for less, it is waited a moment for more: a round costs as much as 200 records."""
_SPILL_AFTER_S: Final = 0.5
"""What Kafka leaves unacknowledged for so long goes to disk at the next tick: a kill loses about a second."""
_AWAY_S: Final = 5.0
_STALLED_S: Final = 10.0
"""Records unacknowledged for this long mean that Kafka is away, though the producer goes on trying."""
_STOP_TIMEOUT_S: Final = 5.0


class Publisher(Protocol):
    """Where the gateway puts its records. What was put is sent, or `flush` says that it was not.

    Records of one key keep their order, but for a repeat after Kafka was away.
    """

    @property
    def connected(self) -> bool:
        """Whether Kafka takes records, as far as is known."""

    async def wait_for_room(self) -> None:
        """Wait until records may be put: memory is bounded by reading nothing while Kafka takes nothing."""

    def put(self, record: Outgoing) -> None:
        """Queue one record; never waits, so nothing can come between giving a number to a reading and queueing it."""

    def offer(self, record: Outgoing) -> bool:
        """Queue one record that may be lost (a log line) when there is no room; False when it was."""

    async def flush(self, timeout_s: float) -> None:
        """Wait until Kafka has acknowledged all that was put, or the rest is on disk for the next start.

        Raises BrokerError with the number of records left, if they would be lost with the process.
        """


class KafkaPublisher:
    """A `Publisher` on one idempotent producer, as an async context manager.

    What Kafka does not acknowledge within a second goes to disk, where the settings name a folder, and leaves it when
    it is acknowledged. So there are, from old to new: the round on its way, the disk, the queue in memory.
    """

    def __init__(self, settings: GatewaySettings, stats: BufferStats | None = None) -> None:
        self._settings = settings
        self._sender = BatchSender(settings.topic_prefix, self._progress)
        self._queue: deque[Outgoing] = deque()
        self._round = Round()
        self._bytes = 0
        self._size = RoundSize()
        self._changed = asyncio.Condition()
        self._moving = asyncio.Lock()
        self._wake = asyncio.Event()
        self._crowded = asyncio.Event()
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []
        self._started = False
        self._progress_s = time.monotonic()
        self._buffer: DiskBuffer | None = None
        if settings.buffer_dir is not None:
            self._buffer = DiskBuffer(settings, stats or BufferStats(CollectorRegistry()), self._disk_lost)

    @property
    def connected(self) -> bool:
        """See `Publisher`."""
        return self._started and not (self._waiting and time.monotonic() - self._progress_s > _STALLED_S)

    @property
    def _waiting(self) -> int:
        on_disk = 0 if self._buffer is None else self._buffer.waiting
        return len(self._queue) + self._round.remaining + on_disk

    async def __aenter__(self) -> KafkaPublisher:
        if self._buffer is not None:
            await self._buffer.open()
        self._tasks.append(asyncio.create_task(self._run(), name="gateway publisher"))
        if self._buffer is not None:
            self._tasks.append(asyncio.create_task(self._keep(self._buffer), name="gateway buffer"))
        self._wake.set()
        return self

    async def __aexit__(self, *_: object) -> None:
        sending, *keeping = self._tasks
        sending.cancel()
        await asyncio.wait({sending})
        # it may have been cut off between an acknowledgement and the disk
        await self._finish()
        self._closing = True
        self._crowded.set()
        for task in keeping:
            await task
        if self._buffer is not None:
            await self._buffer.close()

    async def wait_for_room(self) -> None:
        """See `Publisher`."""
        async with self._changed:
            await self._changed.wait_for(self._has_room)

    def _has_room(self) -> bool:
        full = self._buffer is not None and self._buffer.is_full
        return self._bytes < self._settings.max_buffer_bytes and not full

    def put(self, record: Outgoing) -> None:
        """See `Publisher`."""
        self._queue.append(record)
        self._bytes += record.size
        self._wake.set()
        if self._bytes > self._settings.max_buffer_bytes // 2:
            self._crowded.set()

    def offer(self, record: Outgoing) -> bool:
        """See `Publisher`; log lines get half of the memory, so that they never hold up readings."""
        if self._bytes > self._settings.max_buffer_bytes // 2:
            return False
        self.put(record)
        return True

    async def flush(self, timeout_s: float) -> None:
        """See `Publisher`."""
        begun_s = time.monotonic()
        while not self._is_empty():
            # a Kafka that comes up with us gets a moment; what is on disk need not wait for one that is away
            away = self._buffer is not None and self._buffer.usable and not self.connected
            if time.monotonic() - begun_s >= (min(_AWAY_S, timeout_s) if away else timeout_s):
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(min(_TICK_S, timeout_s)), self._changed:
                    await self._changed.wait_for(self._is_empty)
        left = self._waiting
        if self._is_empty():
            return
        if self._buffer is not None and await self._spill(self._buffer):
            _LOG.warning("records_wait_on_disk", records=left, folder=str(self._settings.buffer_dir))
            return
        raise BrokerError(
            f"{left} records were not acknowledged by Kafka at {self._settings.bootstrap_servers} in {timeout_s:g} s",
            "check the broker: what was not acknowledged is lost with this process",
        )

    def _is_empty(self) -> bool:
        return not self._waiting and not (self._buffer is not None and self._buffer.has_to_tell)

    # -- to Kafka -------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        attempt, pause_s = 0, 0.0
        random = Random()
        while True:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._settings.bootstrap_servers,
                acks="all",
                enable_idempotence=True,
                max_batch_size=self._sender.batch_bytes,
                **self._settings.kafka_options,
            )
            try:
                await producer.start()
                self._started, attempt = True, 0
                self._progress()
                await self._send_all(producer)
            except ProducerSpentError:
                pause_s = 0.0
            except Exception as error:
                # as the supervisor of producers it lets no failure pass, not even a defect; one that failed to get a
                # record across may be fenced or hold a stale sequence: take a new one
                self._started = False
                pause_s = backoff_s(attempt, random, self._settings.backoff_initial_s, self._settings.backoff_max_s)
                attempt += 1
                _LOG.warning(
                    "kafka_unavailable", error=repr(error), again_in_s=round(pause_s, 1), waiting=self._waiting
                )
            finally:
                # stopping waits for what is unsent, and Kafka may be away: it stays with us anyway
                with suppress(KafkaError, OSError, TimeoutError):
                    async with asyncio.timeout(_STOP_TIMEOUT_S):
                        await producer.stop()
            await asyncio.sleep(pause_s)

    async def _send_all(self, producer: AIOKafkaProducer) -> None:
        """Send what there is, for as long as it goes well. Raises KafkaError or OSError."""
        while True:
            await self._wake.wait()
            if self._bytes < _WORTH_A_ROUND:
                await asyncio.sleep(_GATHER_S)
            await self._take()
            if not self._round.records:
                self._wake.clear()
                continue
            begun_s = time.monotonic()
            self._progress()
            try:
                await self._sender.send(producer, self._round)
            finally:
                await self._finish()
            self._size.adapt(time.monotonic() - begun_s, backlog=self._waiting > 0)

    def _progress(self) -> None:
        self._progress_s = time.monotonic()

    async def _take(self) -> None:
        """Fill the round: what is left of the last one, then the disk, then the queue."""
        async with self._moving:
            current, buffer = self._round, self._buffer
            if buffer is not None and buffer.waiting and current.bytes < self._size.bytes:
                before = current.bytes
                for chunk in await buffer.read(self._size.bytes - current.bytes):
                    for record in chunk.records:
                        current.add(record, chunk.id)
                self._bytes += current.bytes - before
            if buffer is None or not buffer.waiting:
                current.fill(self._queue, self._size.bytes)

    async def _finish(self) -> None:
        """Forget what is done of the round, in memory and on disk."""
        # not while a spill writes it: its ids are not known before that is over
        async with self._moving:
            current = self._round
            self._round = current.rest() if current.remaining else Round()
            self._bytes -= current.bytes - self._round.bytes
        if self._buffer is not None and (done := current.done_on_disk):
            await self._buffer.remove(done)
        await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    # -- to disk --------------------------------------------------------------------------------------------------

    async def _keep(self, buffer: DiskBuffer) -> None:
        """Bring to disk what Kafka does not take, until the publisher is closed; then all that is left."""
        while not self._closing:
            if buffer.usable:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TICK_S):
                        await self._crowded.wait()
            else:
                await asyncio.sleep(_TICK_S)
            self._crowded.clear()
            stuck = self._waiting > 0 and time.monotonic() - self._progress_s > _SPILL_AFTER_S
            # behind what is on disk the queue would have to wait anyway
            if stuck or buffer.waiting or self._bytes > self._settings.max_buffer_bytes // 2:
                await self._spill(buffer)
            await buffer.tick(connected=self._started and not stuck)
            await self._notify()
            if buffer.waiting:
                self._wake.set()
        await self._spill(buffer)

    async def _spill(self, buffer: DiskBuffer) -> bool:
        """Write to disk what is in memory only, what is on its way included; whether all is there now."""
        async with self._moving:
            current = self._round
            places = [place for place in current.left if not current.ids[place]]
            queued, self._queue = self._queue, deque()
            if places or queued:
                ids = await buffer.append([current.records[place] for place in places], queued)
                if ids is None:
                    queued.extend(self._queue)
                    self._queue = queued
                    return False
                for place, chunk_id in zip(places, ids, strict=True):
                    current.ids[place] = chunk_id
                self._bytes -= sum(record.size for record in queued)
                self._wake.set()
        await self._notify()
        return buffer.usable

    def _disk_lost(self, awaited: list[Outgoing]) -> None:
        """The file was damaged: of what it held, we have what is on its way, and what somebody waits for."""
        self._round.ids = [0] * len(self._round.ids)
        self._queue.extendleft(reversed(awaited))
        self._bytes += sum(record.size for record in awaited)
        self._wake.set()
