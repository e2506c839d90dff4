"""Faust's Kafka transport, in chunks: one message carries all records that one fetch brought of one partition.

What is replaced here and why is listed in docs/adr/0002-batch-engine.md; tests/unit/ironstream/engine/test_hooks.py
fails when an upgrade of Faust moves one of the hooks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, Protocol, cast

import aiokafka
import structlog
from faust import Schema
from faust.transport.consumer import ensure_TPset
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode import Service

from ironstream.engine.api import Chunk
from ironstream.engine.assignor import StateAssignor
from ironstream.engine.crashpoints import crash_point
from ironstream.engine.gathering import LEAST_MS, Gathering
from ironstream.engine.memory import give_back
from ironstream.engine.owning import Held, Owning
from ironstream.engine.records import Records
from ironstream.engine.requests import encode_in_one_piece
from ironstream.engine.underway import UnderWay
from ironstream.engine.unpack import records_of, unpack_fast

log = structlog.get_logger(__name__)

_LONGEST_COMMIT_PAUSE_S = 30.0
_LONGEST_OFFSET_COMMIT_S = 20.0
_TRIM_EVERY_S = 5.0
_FETCH_BYTES = 1024 * 1024
"""The broker answers a fetch at once when it has as much, else after the wait that `Gathering` finds."""


class Worker(Protocol):
    """What the transport asks of the app (`engine.batch_app.BatchApp`)."""

    conf: Any
    client_settings: dict[str, Any]
    consumer_generation_id: int
    ownership: Owning[Held]
    under_way: UnderWay
    gathering: Gathering
    highwaters: dict[TP, int]

    def logical_name(self, topic: str) -> str:
        """Topic name without the deployment's prefix."""

    async def commit_partitions(self) -> dict[TP, int]:
        """Commit all owned partitions; returns the position each has reached."""

    async def release(self, revoked: set[TP]) -> None:
        """Let go of partitions."""


def commit_pause(interval_s: float, before_s: float, last_s: float) -> float:
    """Seconds until the next commit, from how long the last two took.

    The quicker one counts: a single commit that waited for a broker that was away says nothing of the next.
    """
    return min(max(interval_s, 4 * min(before_s, last_s)), _LONGEST_COMMIT_PAUSE_S)


class ChunkSchema(Schema[Any, Any]):
    """Passes chunks through: the agent decodes, because only it knows where a record that cannot be decoded goes."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:
        """Chunks have no key."""
        return None

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        """The chunk as it is."""
        return message.value


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to Kafka; own fetch settings, unpacking and assignment of partitions."""

    async def on_start(self) -> None:
        """Start the consumer and let it unpack records fast."""
        await super().on_start()
        unpack_fast(self._ensure_consumer())

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        app = cast(Worker, self.app)
        conf = app.conf
        self._assignor = StateAssignor.bound_to(app.ownership.holdings)
        return aiokafka.AIOKafkaConsumer(
            **app.client_settings,
            client_id=conf.broker_client_id,
            group_id=conf.id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # partitions that somebody adds are noticed within this time (aiokafka: five minutes)
            metadata_max_age_ms=int(conf.broker_session_timeout * 2000),
            max_poll_interval_ms=int((conf.broker_max_poll_interval or 1000) * 1000),
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            fetch_min_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=LEAST_MS,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            check_crcs=conf.broker_check_crcs,
        )


class Consumer(driver.Consumer):
    """Consumer whose messages are chunks and whose commits are the engine's."""

    app: Any

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Fetch, and yield one message per partition."""
        app = cast(Worker, self.app)
        active_now = self._get_active_partitions()
        if not active_now:
            # Faust sleeps a full second here.
            await asyncio.sleep(0.02)
            return
        consumer = self._thread._ensure_consumer()
        if not await app.under_way.room({app.logical_name(tp.topic) for tp in active_now}, timeout):
            # A fetch that takes nothing: who does not fetch for long is taken for dead, and loses its partitions.
            with consumer._subscription.fetch_context():
                return
        consumer._fetcher._fetch_max_wait_ms = app.gathering.wait_ms(time.monotonic())
        generation = app.consumer_generation_id
        records, active = await self._wait_next_records(timeout)
        for tp, batches in (records or {}).items():
            if self.should_stop or not self.flow_active or app.consumer_generation_id != generation:
                await self._go_back()
                return
            if active is not None and tp not in active:
                continue
            batch = records_of(batches)
            if not len(batch):
                continue
            tp = tp if isinstance(tp, TP) else TP(tp.topic, tp.partition)
            app.under_way.dispatched(app.logical_name(tp.topic), len(batch))
            app.highwaters[tp] = self.highwater(tp)
            yield tp, self._chunk_message(tp, batch)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        """Fetch of those topics that are not full; what is active stays so."""
        app = cast(Worker, self.app)
        full = app.under_way.full()
        if full and active_partitions is not None:
            active_partitions = {tp for tp in active_partitions if app.logical_name(tp.topic) not in full}
        return await super()._getmany(active_partitions=active_partitions, timeout=timeout)

    async def _go_back(self) -> None:
        """Fetch again what was fetched and is not handed on.

        A rebalance ends with such a seek, but a fetch that began before it can return after that seek: without another
        one its records would be missing.
        """
        if not self.flow_active:
            await self.wait(cast(Any, self.can_resume_flow))
        if not self.should_stop:
            await self.perform_seek()

    def _chunk_message(self, tp: TP, records: Records) -> ConsumerMessage:
        last = records[-1]
        topic = self.app.logical_name(tp.topic)
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            1,  # LogAppendTime, as all source topics have it
            [],
            None,
            cast(Any, Chunk(topic, tp.partition, records)),
            None,
            None,
            None,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    def ack(self, message: Any) -> bool:
        """A chunk is done. Positions are kept by the engine's partitions, not by Faust's lists of acknowledgements."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        waiter = self._waiting_for_ack
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Offsets need not be contiguous; nothing is booked for holes."""

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit what is there now. Faust's waits for a commit under way and leaves out what came after its start."""
        return await self.force_commit()

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit every partition at hand (outputs, changelog, local copy), then the group's offsets."""
        app = cast(Worker, self.app)
        positions = await app.commit_partitions()
        offsets = {tp: offset for tp, offset in positions.items() if self._committed_offset[tp] != offset}
        offsets = {tp: offset for tp, offset in offsets.items() if tp in ensure_TPset(self.assignment())}
        if not offsets:
            return False
        crash_point("before_offsets")
        try:
            # What is durable does not wait for the group's coordinator: the next commit names its offsets again.
            committed = await asyncio.wait_for(self._commit(offsets), _LONGEST_OFFSET_COMMIT_S)
        except TimeoutError:
            log.warning("the group's coordinator does not answer; offsets are committed later")
            return False
        if committed:
            self._committed_offset.update(offsets)
        return committed

    @Service.task
    async def _commit_handler(self) -> None:
        """Commit every `commit_interval`, or less often where commits take long: at most a fifth of the time."""
        before, last, trimmed = 0.0, 0.0, time.monotonic()
        while not self.should_stop:
            await self.sleep(commit_pause(self.commit_interval, before, last))
            started = time.monotonic()
            await self.commit()
            before, last = last, time.monotonic() - started
            if time.monotonic() - trimmed > _TRIM_EVERY_S:
                await asyncio.to_thread(give_back)
                trimmed = time.monotonic()

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust's look for stalled streams is often wrong, and asks for positions that are just being looked
        for (those whose records expired, say), of which the worker would die. Lag and commits are metrics.
        """

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit first (Faust does so while it waits for its streams), then let go of the state."""
        await super().on_partitions_revoked(revoked)
        await cast(Worker, self.app).release(revoked)

    async def perform_seek(self) -> None:
        """Continue where the state of each partition stands."""
        positions: Mapping[TP, int] = cast(Worker, self.app).ownership.positions()
        if positions:
            await self._thread.seek_wait(dict(positions))
        self._read_offset.update(positions)
        self._committed_offset.update(positions)


class Producer(driver.Producer):
    """One idempotent producer with acks from all in-sync replicas; the engine sends whole batches through it."""

    def _settings_extra(self) -> Mapping[str, Any]:
        encode_in_one_piece()
        app = cast(Worker, self.app)
        return {**app.client_settings, "acks": "all", "enable_idempotence": True, "linger_ms": 0}


class Transport(driver.Transport):
    """Transport of the engine."""

    Consumer: ClassVar[Any] = Consumer
    Producer: ClassVar[Any] = Producer
