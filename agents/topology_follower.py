"""Follows the log of topologies: a change goes into the log of every partition that this worker has."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError
from mode import Service

from agents.live_topology import compiled_version, why_unusable
from ironstream.engine.app import App
from ironstream.engine.control import TopologyChange
from ironstream.errors import BrokerError
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.participant import Participant, process_name
from ironstream.rollout.records import Change, Proposal
from ironstream.settings import Settings
from ironstream.topics import ensure_all_topics

log = structlog.get_logger(__name__)
_AGAIN_S: Final = 2.0


class TopologyFollower(Service):
    """A child of the worker's app. While Kafka is away nothing changes, and then all that was missed at once."""

    def __init__(self, app: App, settings: Settings, **more: Any) -> None:
        self._app = app
        self._settings = settings
        self._version: int | None = None
        self._refused: str | None = None
        super().__init__(**more)

    @Service.task
    async def _follow(self) -> None:
        async with Participant(self._settings, "worker", process_name()) as me:
            while not self.should_stop:
                try:
                    async with TopologyLog(self._settings) as topologies:
                        await self._follow_log(topologies, me)
                except (KafkaError, BrokerError) as err:
                    log.warning("the log of topologies cannot be read, it is tried again", error=str(err))
                    await self.sleep(_AGAIN_S)

    async def _follow_log(self, topologies: TopologyLog, me: Participant) -> None:
        while not self.should_stop:
            newest, known = topologies.history.current, self._app.ownership.topology
            if newest is not None and (known is None or newest.number > known.number):
                await self._take(topologies, newest)
            self._say(topologies, me)
            for entry in await topologies.poll():
                if isinstance(entry, Proposal):
                    version = topologies.history.versions[entry.version]
                    me.answer(entry.id, await asyncio.to_thread(why_unusable, version.number, version.packed))

    async def _take(self, topologies: TopologyLog, newest: Change) -> None:
        version = topologies.history.versions[newest.version]
        # here and not where the record is met: there it would hold up every reading behind it
        compiled = await asyncio.to_thread(compiled_version, version.number, version.packed)
        if compiled is None:
            self._refused = await asyncio.to_thread(why_unusable, version.number, version.packed)
            log.error(
                "this release cannot use the version, so its partitions keep the one before",
                version=version.number, change=newest.number, why=self._refused,
            )  # fmt: skip
        else:
            self._refused, self._version = None, version.number
            await ensure_all_topics(self._settings, [window.size_us // 1_000_000 for window in compiled.windows])
        await self._app.ownership.hold(TopologyChange(newest.number, version.number, version.packed))
        log.info("topology", version=version.number, change=newest.number, action=newest.action, author=newest.author)

    def _say(self, topologies: TopologyLog, me: Participant) -> None:
        """Which change stands in the logs, and in how many partitions the agents have come to it."""
        held = self._app.ownership.topology
        if held is None:
            return
        numbers = [one.logic.topology_number for one in self._app.ownership.partitions.values()]
        me.say(
            change=held.number,
            version=held.version if self._version is None else self._version,
            refused=self._refused,
            on=sum(number >= held.number for number in numbers),
            of=len(numbers),
        )
