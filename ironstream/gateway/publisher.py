"""Records to Kafka: acks=all, idempotent, in bounded memory. Kafka away means waiting, never dropping."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Final, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordTooLargeError

from ironstream.errors import BrokerError
from ironstream.gateway.outgoing import Outgoing
from ironstream.gateway.schedule import backoff_s
from ironstream.gateway.settings import GatewaySettings

_LOG = structlog.get_logger(__name__)
_BATCH: Final = 2_000
_STALLED_S: Final = 10.0
"""Records unacknowledged for this long mean that Kafka is away, though the producer goes on trying."""
_STOP_TIMEOUT_S: Final = 5.0
_REFUSED: Final = (MessageSizeTooLargeError, RecordTooLargeError)


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
        """Wait until Kafka has acknowledged all that was put. Raises BrokerError with the number of records left."""


class KafkaPublisher:
    """A `Publisher` on one aiokafka producer, as an async context manager.

    A record leaves the queue when it is acknowledged. One that Kafka refuses for its own sake (too large) is counted in
    `refused` and logged; everything else is sent again, for as long as it takes. A repeat is told by its boot and seq.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._queue: deque[Outgoing] = deque()
        self._in_flight = 0
        self._bytes = 0
        self._changed = asyncio.Condition()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._started = False
        self._progress_s = 0.0
        self.refused = 0

    @property
    def connected(self) -> bool:
        """See `Publisher`."""
        waiting = bool(self._queue or self._in_flight)
        return self._started and not (waiting and time.monotonic() - self._progress_s > _STALLED_S)

    async def __aenter__(self) -> KafkaPublisher:
        self._task = asyncio.create_task(self._run(), name="gateway publisher")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def wait_for_room(self) -> None:
        """See `Publisher`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._bytes < self._settings.max_buffer_bytes)

    def put(self, record: Outgoing) -> None:
        """See `Publisher`."""
        self._queue.append(record)
        self._bytes += record.size
        self._wake.set()

    def offer(self, record: Outgoing) -> bool:
        """See `Publisher`; log lines get half of the memory, so that they never hold up readings."""
        if self._bytes > self._settings.max_buffer_bytes // 2:
            return False
        self.put(record)
        return True

    async def flush(self, timeout_s: float) -> None:
        """See `Publisher`."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: not self._queue and not self._in_flight)
        except TimeoutError:
            left = len(self._queue) + self._in_flight
            raise BrokerError(
                f"{left} records were not acknowledged by Kafka at {self._settings.bootstrap_servers} "
                f"in {timeout_s:g} s",
                "check the broker: what was not acknowledged is lost with this process",
            ) from None

    async def _run(self) -> None:
        attempt, pause_s = 0, 0.0
        random = Random()
        while True:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._settings.bootstrap_servers,
                acks="all",
                enable_idempotence=True,
                linger_ms=5,
                max_batch_size=64 * 1024,
                **self._settings.kafka_options,
            )
            try:
                await producer.start()
                self._started, attempt = True, 0
                await self._send_all(producer)
            except (KafkaError, OSError) as error:
                # a producer that failed to get a record across may be fenced or hold a stale sequence: take a new one
                self._started = False
                pause_s = backoff_s(attempt, random, self._settings.backoff_initial_s, self._settings.backoff_max_s)
                attempt += 1
                _LOG.warning(
                    "kafka_unavailable", error=str(error), again_in_s=round(pause_s, 1), waiting=len(self._queue)
                )
            finally:
                # stopping waits for what is unsent, and Kafka may be away: it stays in our queue anyway
                with suppress(KafkaError, OSError, TimeoutError):
                    async with asyncio.timeout(_STOP_TIMEOUT_S):
                        await producer.stop()
            await asyncio.sleep(pause_s)

    async def _send_all(self, producer: AIOKafkaProducer) -> None:
        """Send what is queued, for as long as it goes well. Raises KafkaError with the unsent records back in place."""
        while True:
            await self._wake.wait()
            batch = [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]
            if not batch:
                self._wake.clear()
                continue
            self._in_flight = len(batch)
            self._progress_s = time.monotonic()
            left: Sequence[Outgoing] = batch
            try:
                left, error = await self._send(producer, batch)
            finally:
                self._queue.extendleft(reversed(left))
                self._in_flight = 0
                self._bytes -= sum(record.size for record in batch) - sum(record.size for record in left)
                async with self._changed:
                    self._changed.notify_all()
            if error is not None:
                raise error

    async def _send(
        self, producer: AIOKafkaProducer, batch: Sequence[Outgoing]
    ) -> tuple[list[Outgoing], KafkaError | None]:
        """The records that must be sent again, and why."""
        futures: list[asyncio.Future[object] | KafkaError] = []
        for record in batch:
            try:
                topic = self._settings.topic_prefix + record.topic
                futures.append(
                    await producer.send(topic, value=record.value, key=record.key, headers=list(record.headers))
                )
            except KafkaError as error:
                futures.append(error)
        left: list[Outgoing] = []
        failure: KafkaError | None = None
        for record, future in zip(batch, futures, strict=True):
            try:
                if isinstance(future, KafkaError):
                    raise future
                await future
            except KafkaError as error:
                if isinstance(error, _REFUSED):
                    self.refused += 1
                    _LOG.error("record_refused", topic=record.topic, bytes=len(record.value), error=str(error))
                    record.settle()
                else:
                    left.append(record)
                    failure = failure or error
            else:
                record.settle()
        return left, failure
