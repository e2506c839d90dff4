"""Outputs on their way to Kafka: one lane per topic partition, record batches instead of records.

A lane has at most one batch under way; what comes meanwhile gathers in the next batch. So a busy lane sends large
batches and an idle one sends at once, without a linger.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from ironstream.engine.api import Headers, Pieces
from ironstream.engine.packed import PackedBatch
from ironstream.errors import EngineError

BATCH_BYTES: Final = 512 * 1024
"""A record batch is full at this size, before compression."""
OutputRow = tuple[int, bytes | None, bytes | None, Headers]
"""Timestamp (ms), key, value, headers."""


class _Batch:
    """A record batch on its lane: `sealed` when it goes out, `offset` of its first record when the broker has it."""

    __slots__ = ("offset", "sealed")

    def __init__(self) -> None:
        self.sealed = False
        self.offset: asyncio.Future[int] = asyncio.get_running_loop().create_future()


class _RowBatch(_Batch):
    """One of records that are given one by one."""

    __slots__ = ("append", "builder", "count")

    def __init__(self, builder: BatchBuilder) -> None:
        super().__init__()
        self.builder = builder
        # The C builder directly: BatchBuilder.append costs more than the append itself.
        self.append = builder._builder.append
        self.count = 0

    def seal(self) -> BatchBuilder:
        self.sealed = True
        self.builder._relative_offset = self.count
        self.builder.close()
        return self.builder


class _PieceBatch(_Batch):
    """One of records that are put together from pieces."""

    __slots__ = ("builder",)

    def __init__(self, builder: PackedBatch) -> None:
        super().__init__()
        self.builder = builder

    @property
    def count(self) -> int:
        return self.builder.count

    def seal(self) -> PackedBatch:
        self.sealed = True
        return self.builder


class Lane:
    """Everything on its way to one topic partition, in order."""

    def __init__(self, outbox: Outbox, topic: str, partition: int) -> None:
        self._outbox = outbox
        self._topic = topic
        self._partition = partition
        self._batches: deque[_RowBatch | _PieceBatch] = deque()
        self._sender: asyncio.Task[None] | None = None
        self.last_offset = -1
        """Offset of the last record that the broker has acknowledged."""

    def extend(self, rows: Iterable[OutputRow]) -> int:
        """Queue rows; returns how many."""
        last = self._batches[-1] if self._batches else None
        batch = last if isinstance(last, _RowBatch) and not last.sealed else self._open()
        append, count, total = batch.append, batch.count, -batch.count
        for timestamp_ms, key, value, headers in rows:
            if type(headers) is not list:  # the C builder takes no other sequence
                headers = list(headers)
            if append(count, timestamp_ms, key, value, headers) is None:
                batch.count = count
                total += count
                batch, count = self._open(), 0
                append = batch.append
                if append(0, timestamp_ms, key, value, headers) is None:
                    raise EngineError(f"a record for {self._topic} does not fit into an empty batch")
            count += 1
        batch.count = count
        total += count
        self._start()
        return total

    def extend_pieces(self, pieces: Pieces) -> int:
        """Queue records put together from pieces; returns how many."""
        last = self._batches[-1] if self._batches else None
        batch = last if isinstance(last, _PieceBatch) and not last.sealed else self._open_pieces()
        done = batch.builder.append(pieces, 0)
        while done < len(pieces.rows):
            batch = self._open_pieces()
            before, done = done, batch.builder.append(pieces, done)
            if before == done:
                raise EngineError(f"a record for {self._topic} does not fit into an empty batch")
        self._start()
        return len(pieces.rows)

    def _open(self) -> _RowBatch:
        batch = _RowBatch(self._outbox.producer.create_batch())
        self._batches.append(batch)
        return batch

    def _open_pieces(self) -> _PieceBatch:
        batch = _PieceBatch(PackedBatch(self._outbox.batch_bytes, self._outbox.compression))
        self._batches.append(batch)
        return batch

    def _start(self) -> None:
        if self._sender is None:
            self._sender = asyncio.create_task(self._send(), name=f"lane {self._topic}/{self._partition}")

    def unsent(self) -> list[asyncio.Future[int]]:
        """Futures (offset of the first record) of all batches not yet acknowledged, oldest first."""
        return [batch.offset for batch in self._batches if batch.count]

    async def _send(self) -> None:
        try:
            while self._batches:
                batch = self._batches[0]
                if not batch.count:
                    self._batches.popleft()
                    continue
                # Sealed before the first await: rows that come from here on open a batch of their own.
                builder = batch.seal()
                size = builder.size()
                acknowledged = await self._outbox.producer.send_batch(builder, self._topic, partition=self._partition)
                metadata = await acknowledged
                self._batches.popleft()
                self.last_offset = metadata.offset + batch.count - 1
                batch.offset.set_result(metadata.offset)
                self._outbox.acknowledged(batch.count, size)
        except Exception as err:  # reported to the supervisor: an output that cannot be written stops the worker
            self._outbox.failed(self._topic, self._partition, err)
        finally:
            self._sender = None


class Outbox:
    """All lanes of a worker over its one idempotent producer."""

    def __init__(
        self,
        on_failure: Callable[[Exception], None],
        max_unsent_batches: int = 256,
        *,
        batch_bytes: int = BATCH_BYTES,
        compression: str | None = None,
    ) -> None:
        self.batch_bytes = batch_bytes
        self.compression = compression
        self._producer: AIOKafkaProducer | None = None
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._on_failure = on_failure
        self._max_unsent = max_unsent_batches
        self._progress = asyncio.Event()
        self.records_acknowledged = 0
        self.bytes_acknowledged = 0

    @property
    def producer(self) -> AIOKafkaProducer:
        """The producer; available once the worker has started."""
        if self._producer is None:
            raise EngineError("the producer has not been started")
        return self._producer

    def start(self, producer: AIOKafkaProducer) -> None:
        """Use `producer` from here on."""
        self._producer = producer

    def lane(self, topic: str, partition: int) -> Lane:
        """The lane of a topic partition (full topic name)."""
        lane = self._lanes.get((topic, partition))
        if lane is None:
            lane = self._lanes[topic, partition] = Lane(self, topic, partition)
        return lane

    def unsent(self, partition: int) -> list[asyncio.Future[int]]:
        """Futures of everything queued for partition number `partition` of any topic so far."""
        return [
            future
            for (_, lane_partition), lane in self._lanes.items()
            if lane_partition == partition
            for future in lane.unsent()
            if not future.done()
        ]

    async def room(self) -> None:
        """Wait while too much is under way."""
        while sum(len(lane.unsent()) for lane in self._lanes.values()) > self._max_unsent:
            self._progress.clear()
            await self._progress.wait()

    def acknowledged(self, records: int, size: int) -> None:
        """Called by a lane for each batch that the broker has."""
        self.records_acknowledged += records
        self.bytes_acknowledged += size
        self._progress.set()

    def failed(self, topic: str, partition: int, err: Exception) -> None:
        """Called by a lane that cannot send: the worker must stop, nothing after this may be committed."""
        error = EngineError(
            f"cannot write to {topic}, partition {partition}: {err!r}",
            "check the broker and the topic's max.message.bytes; the worker stops and will repeat from its last commit",
        )
        error.__cause__ = err
        for lane in self._lanes.values():
            for future in lane.unsent():
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # may have no other reader: the failure below reports it
        self._progress.set()
        self._on_failure(error)
