"""Follows the log of topologies: a change goes into the log of every partition that this worker has."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError
from mode import Service

from agents.live_topology import compiled_version
from ironstream.engine.app import App
from ironstream.engine.control import TopologyChange
from ironstream.errors import BrokerError
from ironstream.rollout.log import TopologyLog
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_specs

log = structlog.get_logger(__name__)
_AGAIN_S: Final = 2.0


class TopologyFollower(Service):
    """A child of the worker's app. While Kafka is away nothing changes, and then all that was missed at once."""

    def __init__(self, app: App, settings: Settings, **more: Any) -> None:
        self._app = app
        self._settings = settings
        super().__init__(**more)

    @Service.task
    async def _follow(self) -> None:
        while not self.should_stop:
            try:
                async with TopologyLog(self._settings) as history:
                    while not self.should_stop:
                        await self._take(history)
                        await history.poll()
            except (KafkaError, BrokerError) as err:
                log.warning("the log of topologies cannot be read, it is tried again", error=str(err))
                await self.sleep(_AGAIN_S)

    async def _take(self, topologies: TopologyLog) -> None:
        newest, known = topologies.history.current, self._app.ownership.topology
        if newest is None or (known is not None and newest.number <= known.number):
            return
        version = topologies.history.versions[newest.version]
        # here and not where the record is met: there it would hold up every reading behind it
        compiled = await asyncio.to_thread(compiled_version, version.number, version.packed)
        if compiled is None:
            log.error(
                "this release cannot use the version, so its partitions keep the one before",
                version=version.number, change=newest.number,
            )  # fmt: skip
        else:
            sizes_s = [window.size_us // 1_000_000 for window in compiled.windows]
            await ensure_topics(
                self._settings.kafka_client_kwargs(), topic_specs(self._settings, sizes_s), self._settings.replication
            )
        await self._app.ownership.hold(TopologyChange(newest.number, version.number, version.packed))
        log.info("topology", version=version.number, change=newest.number, action=newest.action, author=newest.author)
