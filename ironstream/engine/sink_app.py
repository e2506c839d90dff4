"""A Faust app that follows topics and writes them elsewhere; the group's offsets say how far."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from ironstream.engine.batch_app import BatchApp, BatchChunks
from ironstream.engine.config import EngineConfig
from ironstream.engine.following import Followed, Following

_LAST_COMMIT_S: Final = 10.0

FollowedChunks = BatchChunks[Followed]
"""What an agent without state iterates over: chunks, each with its partition, which is to be told what is written."""


class SinkApp(BatchApp[Followed]):
    """Faust app of one process of a sink. Register agents with `follow`, then run it as any Faust app.

    `before_stop` is awaited when the app is asked to stop, before its last commit: what was gathered can be written.
    """

    def __init__(self, config: EngineConfig, before_stop: Callable[[], Awaitable[None]]) -> None:
        # A write may take as long as the target is away: a rebalance, or the end, must not wait for it.
        super().__init__(config, stream_wait_empty=False)
        self.ownership: Following = Following(config, self.outbox)
        self._before_stop = before_stop
        self._stopping = False

    def follow(self, source: str, function: Callable[[FollowedChunks], Awaitable[None]]) -> None:
        """Run `function` over the chunks of the topic `source` (name without prefix)."""
        self.register_agent(self.config.topic_prefix + source, f"sink-{source}", function)

    async def stop(self) -> None:
        """Write what was gathered, commit, stop. The process may go on then, with another app."""
        if not self._stopping:
            self._stopping = True
            if self.failure is None:
                await self._before_stop()
                # Later, when Faust stops its consumer, the partitions have been let go.
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.consumer.commit(), _LAST_COMMIT_S)
        await super().stop()
        if self._deadline is not None and self.failure is None:
            self._deadline.cancel()
