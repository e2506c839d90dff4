"""The worker: a Faust app whose agents take chunks and whose state is committed by markers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from mode import Service

from ironstream.contract import CONTROL_KEY
from ironstream.engine.api import LogicFactory
from ironstream.engine.batch_app import BatchApp, BatchChunks
from ironstream.engine.config import EngineConfig
from ironstream.engine.control import TICK
from ironstream.engine.ownership import Ownership
from ironstream.engine.partition import Partition

_TICK_INTERVAL_S: Final = 1.0

Chunks = BatchChunks[Partition]
"""What an agent with state iterates over: chunks, each with the partition whose state it may change."""


class App(BatchApp[Partition]):
    """Faust app of one worker. Register agents with `batch_agent`, then run it as any Faust app."""

    def __init__(self, config: EngineConfig) -> None:
        super().__init__(config, stream_wait_empty=True)
        self.ownership: Ownership = Ownership(config, self.outbox)

    def batch_agent(
        self, source: str, *, name: str, logic: LogicFactory
    ) -> Callable[[Callable[[Chunks], Awaitable[None]]], None]:
        """Register an agent on the topic `source`; its rows go to the changelog `ironstream.<name>.changelog`."""
        topic_name = self.ownership.add_agent(name, source, logic)

        def register(function: Callable[[Chunks], Awaitable[None]]) -> None:
            self.register_agent(topic_name, name, function)

        return register

    @Service.task
    async def _tick(self) -> None:
        while not self.should_stop:
            await self.sleep(_TICK_INTERVAL_S)
            for tp in list(self.ownership.partitions):
                if self.rebalancing or self.failure is not None:
                    break
                await self._kafka_producer().send(tp.topic, key=CONTROL_KEY, value=TICK, partition=tp.partition)


__all__ = ["App", "Chunks", "EngineConfig"]
