"""Partitions whose records go elsewhere: no state of their own, only how far they were taken and how far written.

What another system has written is what the group's offset says. So a process goes on from there after a crash, and
what was gathered and not yet written is read again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import structlog
from aiokafka import AIOKafkaConsumer
from faust.types import TP

from ironstream.engine.api import Chunk
from ironstream.engine.assignor import Holdings
from ironstream.engine.config import EngineConfig
from ironstream.engine.losses import first_position, look_for_loss, refuse_added_partitions
from ironstream.engine.outbox import Outbox
from ironstream.engine.partition import PartitionOutputs

log = structlog.get_logger(__name__)


class Followed:
    """One partition: `position` is the next offset to take, `written` the next one that is not written yet."""

    def __init__(self, position: int, outputs: PartitionOutputs) -> None:
        self.position = position
        self.written = position
        self.outputs = outputs
        self.closed = False
        """Another process may have it now: what was taken of it and is not written yet can be let go."""

    @asynccontextmanager
    async def take(self, chunk: Chunk) -> AsyncIterator[Chunk | None]:
        """Lend the part of `chunk` that was not taken yet; None when all of it was. It counts when the body ends."""
        behind = int(np.searchsorted(chunk.records.offsets, self.position))
        if self.closed or behind == len(chunk.records):
            yield None
            return
        if behind:
            chunk = Chunk(chunk.topic, chunk.partition, chunk.records[behind:])
        yield chunk
        self.position = chunk.next_offset

    def wrote(self, next_offset: int) -> None:
        """Everything before `next_offset` is written."""
        self.written = max(self.written, next_offset)


class Following:
    """The partitions of topics that a process follows, by topic partition."""

    def __init__(self, config: EngineConfig, outbox: Outbox) -> None:
        self.partitions: dict[TP, Followed] = {}
        self.restore_seconds = 0.0
        self._config = config
        self._outbox = outbox
        self._taking_over = asyncio.Lock()
        self._epoch = 0
        self._last_numbers: set[int] = set()

    def holdings(self) -> Holdings:
        """Which partition numbers this process had last: they stay where they are when they can."""
        return Holdings(sorted(self._last_numbers))

    def positions(self) -> dict[TP, int]:
        """Offset to go on from, per partition."""
        return {tp: partition.position for tp, partition in self.partitions.items()}

    async def commit(self) -> dict[TP, int]:
        """How far each partition is written."""
        return {tp: partition.written for tp, partition in self.partitions.items()}

    async def take_over(self, assignment: set[TP], consumer: Any, producer: Any) -> None:
        """Find where the group stands in all partitions of `assignment` that are not at hand.

        A rebalance meanwhile leaves nothing behind. Raises EngineError for partitions that were added.
        """
        refuse_added_partitions(assignment, self._config.partitions)
        async with self._taking_over:
            epoch = self._epoch
            self._last_numbers = {tp.partition for tp in assignment}
            missing = sorted(tp for tp in assignment if tp not in self.partitions)
            if not missing:
                return
            self._outbox.start(producer)
            committed = await self._committed(missing)
            oldest = await consumer.earliest_offsets(*missing)
            if epoch != self._epoch:
                return
            for tp in missing:
                outputs = PartitionOutputs(self._outbox, self._config.topic_prefix, tp.partition)
                self.partitions[tp] = Followed(first_position(tp, committed[tp], oldest[tp]), outputs)
            log.info("partitions taken over", partitions=len(missing))

    async def _committed(self, tps: list[TP]) -> dict[TP, int | None]:
        # A consumer that never joins the group: unlike the admin client it waits for a coordinator that moves.
        consumer = AIOKafkaConsumer(
            **self._config.client_settings, group_id=self._config.application_id, enable_auto_commit=False
        )
        await consumer.start()
        try:
            return dict(zip(tps, await asyncio.gather(*(consumer.committed(tp) for tp in tps)), strict=True))
        finally:
            await consumer.stop()

    async def look_for_loss(self, tp: TP, first: int, consumer: Any) -> None:
        """Say which records expired if `first` is not the offset that `tp` waits for: the log overtook this process."""
        partition = self.partitions.get(tp)
        if partition is not None:
            await look_for_loss(tp, partition.position, first, consumer)

    async def release(self, revoked: set[TP]) -> None:
        """Let go of partitions; what is written of them has been committed."""
        self._epoch += 1
        for tp in revoked:
            partition = self.partitions.pop(tp, None)
            if partition is not None:
                partition.closed = True
