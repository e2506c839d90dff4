"""What waits for the agents, and whether anybody works on it: the offsets of the application's group, followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient

from ironstream.contract import Topic
from ironstream.engine.log_reader import LogReader
from ironstream.settings import Settings
from ironstream.web.contact import Contact

SOURCES: Final = {"telemetry": Topic.TELEMETRY_RAW, "events": Topic.EVENTS_RAW, "alarms": Topic.ALARMS_RAW}
"""What each agent reads."""
_EVERY_S: Final = 3.0
PATIENCE_S: Final = 15.0
"""Workers commit every few seconds, for each has ticks of its own to get past; beyond this, and twice the interval of
commits, none does."""
Offsets = Mapping[Any, int]


class Backlog:
    """`lag` is how many records wait for each agent as of its last commit; None: it has never committed. It only reads.

    `clock` counts seconds.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.contact = Contact(clock)
        self.lag: dict[str, int | None] = dict.fromkeys(SOURCES)
        self._settings = settings
        self._clock = clock
        self._committed: Offsets | None = None
        self._since_s = 0.0

    @property
    def total(self) -> int | None:
        """Records that wait for any agent; None where nothing is known."""
        known = [lag for lag in self.lag.values() if lag is not None]
        return sum(known) if known else None

    def still_s(self) -> float | None:
        """For how long no worker has committed, once that is longer than one that works ever takes; else None.

        From the first look on: what was before that the markers of the tables say.
        """
        if self._committed is None:
            return None
        still_s = self._clock() - self._since_s
        return still_s if still_s > PATIENCE_S + 2 * self._settings.commit_interval_s else None

    def saw(self, firsts: Offsets, ends: Offsets, committed: Offsets) -> None:
        """Take what Kafka says: where the partitions of the raw topics begin and end, what the group has committed."""
        if committed != self._committed:
            self._committed, self._since_s = dict(committed), self._clock()
        for agent, source in SOURCES.items():
            topic = self._settings.topic(source)
            mine = [tp for tp in ends if tp.topic == topic]
            known = any(tp in committed for tp in mine)
            behind = sum(max(0, ends[tp] - max(firsts[tp], committed.get(tp, 0))) for tp in mine)
            self.lag[agent] = behind if known else None
        self.contact.heard()

    async def follow(self) -> None:
        """Follow for ever. Run as a task once the topics are there."""
        await self.contact.keep(self._follow, "offsets of the workers")

    async def _follow(self) -> None:
        async with LogReader(self._settings, SOURCES.values()) as reader:
            admin = AIOKafkaAdminClient(**self._settings.kafka_client_kwargs())
            await admin.start()
            try:
                while True:
                    said = await admin.list_consumer_group_offsets(self._settings.application_id)
                    tps = reader.partitions
                    # what is committed is asked for first: an end that was asked for before might be behind it
                    self.saw(
                        await reader.consumer.beginning_offsets(tps),
                        await reader.consumer.end_offsets(tps),
                        {tp: one.offset for tp, one in said.items() if one.offset >= 0},
                    )
                    await asyncio.sleep(_EVERY_S)
            finally:
                await admin.close()
